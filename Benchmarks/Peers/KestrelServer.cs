using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DotNettyFraming.Benchmarks.Peers;

/// <summary>A <see cref="ConnectionHandler"/> on Kestrel that reads from a pipe as in its documentation.</summary>
internal sealed class KestrelServer : IPeer
{
    private const int Backlog = 4096;

    private readonly PacketCount _count = new();

    public long PacketsProcessed => _count.Packets;

    public async Task<IPEndPoint> StartAsync(int port)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Logging.ClearProviders();
        builder.Services.AddSingleton(_count);
        builder.Services.Configure<SocketTransportOptions>(static transport => transport.Backlog = Backlog);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
            kestrel.Listen(IPAddress.Loopback, port, listen => listen.UseConnectionHandler<PacketHandler>()));
        WebApplication application = builder.Build();
        await application.StartAsync();
        return new IPEndPoint(IPAddress.Loopback, new Uri(application.Urls.Single()).Port);
    }

    private sealed class PacketCount
    {
        private long _packets;

        public long Packets => Interlocked.Read(ref _packets);

        public void Add(long packets) => Interlocked.Add(ref _packets, packets);
    }

    private sealed class PacketHandler(PacketCount count) : ConnectionHandler
    {
        private const int HeaderBytes = 7;

        public override async Task OnConnectedAsync(ConnectionContext connection)
        {
            PipeReader input = connection.Transport.Input;
            while (true)
            {
                ReadResult result = await input.ReadAsync();
                ReadOnlySequence<byte> buffer = result.Buffer;
                long packets = 0;
                while (TryReadPacket(ref buffer, out _))
                {
                    packets++;
                }

                count.Add(packets);
                if (result.IsCompleted || IsBad(buffer))
                {
                    return; // Kestrel closes the connection
                }

                input.AdvanceTo(buffer.Start, buffer.End);
            }
        }

        private static bool TryReadPacket(ref ReadOnlySequence<byte> buffer, out ReadOnlySequence<byte> payload)
        {
            var reader = new SequenceReader<byte>(buffer);
            payload = default;
            if (!reader.TryRead(out byte prefix) || prefix != (byte)'&'
                || !reader.TryReadLittleEndian(out short length)
                || buffer.Length < HeaderBytes + (ushort)length)
            {
                return false;
            }

            payload = buffer.Slice(HeaderBytes, (ushort)length);
            buffer = buffer.Slice(payload.End);
            return true;
        }

        private static bool IsBad(in ReadOnlySequence<byte> buffer) => !buffer.IsEmpty && buffer.FirstSpan[0] != (byte)'&';
    }
}
