using System.ComponentModel;
using System.Diagnostics;
using System.Net.Sockets;
using DotNettyFraming.Benchmarks.Interop;
using DotNettyFraming.Codec;

namespace DotNettyFraming.Benchmarks.Load;

/// <summary>The load generator: executes orders and reads the server's accounts before and after. Not thread-safe.</summary>
internal static unsafe class LoadGenerator
{
    /// <summary>Connections that a <see cref="ConnectOrder"/> opens together.</summary>
    private const int Wave = 64;

    private const int HalfSentPayload = 65_000;
    private const int HalfSentBytes = 40_000;
    private const int ActivePackets = 3;

    private static readonly Workload OnePacket = new("", 1, 1, 25, 0);

    /// <summary>Executes an order; a failure is a reading too.</summary>
    public static LoadReading Execute(LoadOrder order)
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
        (long sweeps, long late) = load.IsFullSpeed ? (SendUntil(order, connections, start), 0) : SendPaced(order, connections);
        if (load.IsFullSpeed)
        {
            connections.Finish();
        }

        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Settling.WaitFor(server);
        var reading = new SendReading(
            Packets: sweeps * connections.Count * load.PacketsPerWrite,
            sweeps,
            late,
            seconds,
            server.CpuNanoseconds - cpu,
            server.Sleeps - sleeps);
        if (!load.IsFullSpeed)
        {
            connections.Finish();
        }

        return reading;
    }

    /// <summary>Sends in sweeps: one write to each connection, then nothing until the next sweep is due.</summary>
    private static (long Sweeps, long Late) SendPaced(SendOrder order, ClientConnections connections)
    {
        byte[] write = order.Workload.Write();
        double sweepsPerSecond = (double)order.Workload.WritesPerSecond / connections.Count;
        long sweeps = Math.Max(1, (long)(sweepsPerSecond * order.Seconds));
        var pacer = new Pacer(sweepsPerSecond);
        for (long i = 0; i < sweeps; i++)
        {
            pacer.WaitFor(i);
            connections.WriteToAll(write, write.Length);
        }

        return (sweeps, pacer.Late);
    }

    private static long SendUntil(SendOrder order, ClientConnections connections, long start)
    {
        byte[] write = order.Workload.Write();
        long sweeps = 0;
        do
        {
            connections.WriteToAll(write, write.Length);
            sweeps++;
        }
        while (Stopwatch.GetElapsedTime(start).TotalSeconds < order.Seconds);

        return sweeps;
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
            for (int i = 0; i < ActivePackets; i++)
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
            (long)ActivePackets * order.Connections,
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
        Debug.Assert(packet.Length == HeaderLayout.Default.MaxHeaderLength + HalfSentPayload, "one packet");
        using ClientConnections connections = ClientConnections.Open(order.Port, order.Connections);
        connections.WriteToAll(packet, HalfSentBytes);
        long bytes = resident();
        connections.Finish();
        return bytes;
    }
}
