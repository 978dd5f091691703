using DotNettyFraming.Benchmarks.Comparison;
using DotNettyFraming.Benchmarks.Interop;
using DotNettyFraming.Benchmarks.Load;
using DotNettyFraming.Benchmarks.Report;

namespace DotNettyFraming.Benchmarks.Senders;

/// <summary>A run of a comparison of senders: both in turn against one bare server, load by load, round by round.</summary>
/// <remarks>
/// The order A B A B exposes both to the same other activity of the machine; ratios are taken within one turn. Both are new
/// processes each time, so the load client's figure includes its warm-up.
/// </remarks>
internal sealed class SendersRun(SendersPlan plan, Contestant server, ISender floor, ISender loadClient, Action<string> progress)
{
    /// <summary>Runs all measurements.</summary>
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
                progress($"round {round} of {plan.Rounds}, {load.Name}: {Quantity.Rate(turn.LoadClient.PacketsPerSecond)} of "
                    + $"{Quantity.Rate(turn.Floor.PacketsPerSecond)}, {Quantity.Ratio(turn.Ratio)}");
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
