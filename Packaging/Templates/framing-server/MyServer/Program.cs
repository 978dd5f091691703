using DotNettyFraming.Server;
using MyServer;

return await FramingServer.CreateBuilder(args).UseProcessor(new EchoProcessor()).RunAsync();
