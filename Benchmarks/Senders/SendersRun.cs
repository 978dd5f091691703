using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Benchmarks.Interop;
using DotNettyFraming.Benchmarks.Load;
using DotNettyFraming.Benchmarks.Report;

namespace DotNettyFraming.Benchmarks.Senders;

/// <summary>Measures: both senders in turn against one bare server, load by load, round by round.</summary>
/// <remarks>
/// A B A B …: what the machine does besides hits both alike, and a ratio is taken inside one turn only. Both are fresh processes each
/// time, as a user starts them: what the load client needs to get warm is part of its figure.
/// </remarks>
internal sealed class SendersRun(SendersPlan plan, Contestant server, ISender floor, ISender loadClient, Action<string> progress)
{
    /// <summary>Runs it all.</summary>
    /// <returns>What was measured.</returns>
    public async Task<SendersResult> RunAsync()
    {
        var turns = new List<SendersTurn>();
        using ServerProcess running = await ServerProcess.StartAsync(server);
        progress("warming");
        await TakeTurnAsync(running, plan.Loads[0]);
        for (int round = 1; round <= plan.Rounds; round++)
        {
            foreach (Workload load in plan.Loads)
            {
                SendersTurn turn = await TakeTurnAsync(running, load);
                progress($"round {round} of {plan.Rounds}, {load.Name}: {Quantity.Rate(turn.LoadClient.PacketsASecond)} of "
                    + $"{Quantity.Rate(turn.Floor.PacketsASecond)}, {Quantity.Ratio(turn.Ratio)}");
                turns.Add(turn);
            }
        }

        return new SendersResult(turns, new CountCheck(server.Name, running.PacketsSent, await running.StopAsync()));
    }

    private async Task<SendersTurn> TakeTurnAsync(ServerProcess running, Workload load) =>
        new(load, await SendAsync(running, floor, load), await SendAsync(running, loadClient, load));

    private async Task<SenderReading> SendAsync(ServerProcess running, ISender sender, Workload load)
    {
        Settling.WaitFor(new ProcessAccounts(running.ProcessId));
        SenderReading reading = await sender.SendAsync(running.Port, load, plan.Duration);
        running.PacketsSent += reading.Packets;
        return reading;
    }
}
