using System.Net.Security;
using DotNetty.Buffers;

namespace DotNettyFraming.Server.Pipeline.Tls;

/// <summary>Decrypts the whole records of each read, after the handshake. Threads: the connection's event loop.</summary>
internal sealed class TlsDecryption(TlsRecords records, TlsStream stream, SslStream ssl)
{
    /// <summary>
    /// The records without data that a connection may send, its handshake's included. OpenSSL keeps an answer to each (to a KeyUpdate, to a
    /// renegotiation) until the server sends something. This memory is not in the budget, so it needs a bound.
    /// </summary>
    private const int MaxWithoutData = 1000;

    /// <summary>A read of 0 bytes: complete when there is data. SslStream has no buffer meanwhile.</summary>
    private ValueTask<int>? _nextData;

    private long _dataRecords;

    /// <summary>Decrypts what is there.</summary>
    /// <param name="allocator">Allocates the buffer for the data.</param>
    /// <param name="room">Bytes of the whole records, which is more than they carry.</param>
    /// <returns>The data, or null; whether the peer sent close_notify; the fault behind the data, or null.</returns>
    public (IByteBuffer? Data, bool HasEnded, string? Fault) Decrypt(IByteBufferAllocator allocator, int room)
    {
        IByteBuffer? data = null;
        string? fault = null;
        bool hasEnded = false;
        try
        {
            while (!hasEnded && HasData())
            {
                data ??= allocator.HeapBuffer(room, room);
                _dataRecords++;
                int count = TakeResult(ssl.ReadAsync(
                    new Memory<byte>(data.Array, data.ArrayOffset + data.WriterIndex, data.WritableBytes), CancellationToken.None));
                data.SetWriterIndex(data.WriterIndex + count);
                hasEnded = count == 0;
            }
        }
        catch (Exception e)
        {
            // SslStream rejects a record; what came before it is good.
            fault = e.GetBaseException().Message;
        }

        if (fault is null && records.WholeRecords - _dataRecords > MaxWithoutData)
        {
            fault = $"more than {MaxWithoutData} records without data";
        }

        if (data is not null && !data.IsReadable())
        {
            data.Release();
            data = null;
        }

        return (data, hasEnded, fault);
    }

    private bool HasData()
    {
#pragma warning disable CA2012 // kept until complete, and its result is taken once
        _nextData ??= ssl.ReadAsync(Memory<byte>.Empty, CancellationToken.None);
#pragma warning restore CA2012
        stream.Supply();
        if (!_nextData.Value.IsCompleted)
        {
            return false;
        }

        ValueTask<int> next = _nextData.Value;
        _nextData = null;
        TakeResult(next);
        return true;
    }

    private static int TakeResult(ValueTask<int> read) =>
        read.IsCompleted ? read.GetAwaiter().GetResult() : throw new InvalidOperationException("SslStream waits although it has input");
}
