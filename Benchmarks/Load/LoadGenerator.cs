using System.ComponentModel;
using System.Diagnostics;
using System.Net.Sockets;
using DotNettyFraming.Benchmarks.Interop;
using DotNettyFraming.Codec;

namespace DotNettyFraming.Benchmarks.Load;

/// <summary>Sends, and reads the server's accounts before and after. One thread.</summary>
internal static unsafe class LoadGenerator
{
    /// <summary>Connections of one wave of a <see cref="ConnectOrder"/>.</summary>
    private const int Wave = 64;

    private const int HalfSentPayload = 65_000;
    private const int HalfSentBytes = 40_000;
    private const int PacketsOfAnActiveConnection = 3;

    private static readonly Workload OnePacket = new("", 1, 1, 25, 0);

    /// <summary>Does what is asked; what goes wrong on the way is an answer too.</summary>
    public static LoadReading Carry(LoadOrder order)
    {
        try
        {
            return order switch
            {
                SendOrder send => Send(send),
                ConnectOrder connect => Connect(connect),
                MemoryOrder memory => Memory(memory),
                _ => new FailedReading("unknown order"),
            };
        }
        catch (Exception e) when (e is SocketException or IOException or Win32Exception)
        {
            return new FailedReading(e.Message);
        }
    }

    private static SendReading Send(SendOrder order)
    {
        Workload load = order.Workload;
        var server = new ProcessAccounts(order.ProcessId);
        using ClientConnections connections = ClientConnections.Open(order.Port, load.Connections);
        Settling.WaitFor(server);

        (long cpu, long sleeps) = (server.CpuNanoseconds, server.Sleeps);
        long start = Stopwatch.GetTimestamp();
        (long writes, long late) = load.IsFullSpeed ? SendUntil(order, connections, start) : SendPaced(order, connections);
        if (load.IsFullSpeed)
        {
            connections.Finish();
        }

        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Settling.WaitFor(server);
        var reading = new SendReading(
            writes * load.PacketsAWrite, writes, late, seconds, server.CpuNanoseconds - cpu, server.Sleeps - sleeps);
        if (!load.IsFullSpeed)
        {
            connections.Finish();
        }

        return reading;
    }

    private static (long Writes, long Late) SendPaced(SendOrder order, ClientConnections connections)
    {
        byte[] write = order.Workload.Write();
        long writes = Math.Max(1, (long)(order.Workload.WritesASecond * order.Seconds));
        fixed (byte* bytes = write)
        {
            var pacer = new Pacer(order.Workload.WritesASecond);
            for (long i = 0; i < writes; i++)
            {
                pacer.WaitFor(i);
                connections.Write((int)(i % connections.Count), bytes, write.Length);
            }

            return (writes, pacer.Late);
        }
    }

    private static (long Writes, long Late) SendUntil(SendOrder order, ClientConnections connections, long start)
    {
        byte[] write = order.Workload.Write();
        long writes = 0;
        fixed (byte* bytes = write)
        {
            do
            {
                connections.Write((int)(writes % connections.Count), bytes, write.Length);
                writes++;
            }
            while (Stopwatch.GetElapsedTime(start).TotalSeconds < order.Seconds);
        }

        return (writes, 0);
    }

    private static ConnectReading Connect(ConnectOrder order)
    {
        byte[] packet = OnePacket.Write();
        var server = new ProcessAccounts(order.ProcessId);
        Settling.WaitFor(server);
        long cpu = server.CpuNanoseconds;
        long start = Stopwatch.GetTimestamp();
        long made = 0;
        do
        {
            using ClientConnections connections = ClientConnections.Open(order.Port, Wave);
            connections.WriteToAll(packet, packet.Length);
            connections.Finish();
            made += Wave;
        }
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < order.Seconds);

        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Settling.WaitFor(server);
        return new ConnectReading(made, seconds, server.CpuNanoseconds - cpu);
    }

    private static MemoryReading Memory(MemoryOrder order)
    {
        var server = new ProcessAccounts(order.ProcessId);
        byte[] packet = OnePacket.Write();
        long atRest = Resident();
        long idle, active;
        using (ClientConnections connections = ClientConnections.Open(order.Port, order.Connections))
        {
            idle = Resident();
            for (int i = 0; i < PacketsOfAnActiveConnection; i++)
            {
                connections.WriteToAll(packet, packet.Length);
                Settling.WaitFor(server);
            }

            active = Resident();
            connections.Finish();
        }

        long halfSent = HalfSend(order, Resident);
        Thread.Sleep(TimeSpan.FromSeconds(order.RestSeconds));
        long afterFirst = Resident();
        _ = HalfSend(order, Resident);
        Thread.Sleep(TimeSpan.FromSeconds(order.RestSeconds));
        return new MemoryReading(
            (long)PacketsOfAnActiveConnection * order.Connections,
            order.Connections,
            atRest,
            idle,
            active,
            halfSent,
            afterFirst,
            AfterSecondRound: Resident());

        long Resident()
        {
            Settling.WaitFor(server);
            return server.ResidentBytes;
        }
    }

    private static long HalfSend(MemoryOrder order, Func<long> resident)
    {
        byte[] packet = new Workload("", 1, 1, HalfSentPayload, 0).Write();
        Debug.Assert(packet.Length == PacketHeader.Size + HalfSentPayload, "one packet");
        using ClientConnections connections = ClientConnections.Open(order.Port, order.Connections);
        connections.WriteToAll(packet, HalfSentBytes);
        long bytes = resident();
        connections.Finish();
        return bytes;
    }
}
