namespace DotNettyFraming.Server;

/// <summary>The server with its default processor, which counts.</summary>
internal static class Program
{
    private static Task<int> Main(string[] args) => FramingServer.CreateBuilder(args).RunAsync();
}
