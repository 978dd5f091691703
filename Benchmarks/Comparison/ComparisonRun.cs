using DotNettyFraming.Benchmarks.Load;

namespace DotNettyFraming.Benchmarks.Comparison;

/// <summary>A run of a comparison: all servers in turn, load by load, round by round.</summary>
/// <remarks>
/// The order A B C A B C exposes all servers to the same other activity of the machine; ratios are taken within one round.
/// Every process is started once and warmed with every load, because a cold .NET process compiles in its first seconds.
/// The memory load starts every server anew: memory from an earlier load would hide what connections need.
/// </remarks>
internal sealed class ComparisonRun(ComparisonPlan plan, IReadOnlyList<Contestant> contestants, Action<string> progress)
{
    private readonly List<Sample> _samples = [];
    private readonly List<CountCheck> _checks = [];

    /// <summary>Runs all measurements.</summary>
    public async Task<ComparisonResult> RunAsync()
    {
        using var load = new LoadProcess();
        if (plan.Sending.Count > 0 || plan.Connecting)
        {
            await MeasureWarmAsync(load);
        }

        for (int round = 1; round <= plan.MemoryRounds; round++)
        {
            foreach (Contestant contestant in contestants)
            {
                await MeasureMemoryAsync(load, contestant, round);
            }
        }

        return new ComparisonResult(contestants, _samples, _checks);
    }

    private async Task MeasureWarmAsync(LoadProcess load)
    {
        var servers = new List<ServerProcess>();
        try
        {
            foreach (Contestant contestant in contestants)
            {
                servers.Add(await ServerProcess.StartAsync(contestant));
            }

            foreach (ServerProcess server in servers)
            {
                progress($"warming {server.Contestant.Name}");
                await WarmAsync(load, server);
            }

            for (int round = 1; round <= plan.Rounds; round++)
            {
                await MeasureRoundAsync(load, servers, round);
            }

            foreach (ServerProcess server in servers)
            {
                await StopAsync(server);
            }
        }
        finally
        {
            servers.ForEach(server => server.Dispose());
        }
    }

    private async Task WarmAsync(LoadProcess load, ServerProcess server)
    {
        foreach (Workload workload in plan.Sending)
        {
            await load.CarryOutAsync<SendReading>(server, new SendOrder(server.Port, server.ProcessId, workload, plan.WarmUpSeconds));
        }

        if (plan.Connecting)
        {
            await load.CarryOutAsync<ConnectReading>(server, new ConnectOrder(server.Port, server.ProcessId, plan.WarmUpSeconds));
        }
    }

    private async Task MeasureRoundAsync(LoadProcess load, List<ServerProcess> servers, int round)
    {
        foreach (Workload workload in plan.Sending)
        {
            progress($"round {round} of {plan.Rounds}: {workload.Name}");
            foreach (ServerProcess server in servers)
            {
                var order = new SendOrder(server.Port, server.ProcessId, workload, plan.Seconds);
                Keep(server, workload.Name, round, await load.CarryOutAsync<SendReading>(server, order));
            }
        }

        foreach (ServerProcess server in plan.Connecting ? servers : [])
        {
            var order = new ConnectOrder(server.Port, server.ProcessId, plan.Seconds);
            Keep(server, ComparisonPlan.ConnectLoad, round, await load.CarryOutAsync<ConnectReading>(server, order));
        }
    }

    private async Task MeasureMemoryAsync(LoadProcess load, Contestant contestant, int round)
    {
        progress($"memory, round {round} of {plan.MemoryRounds}: {contestant.Name}");
        using ServerProcess server = await ServerProcess.StartAsync(contestant);
        await load.CarryOutAsync<SendReading>(
            server, new SendOrder(server.Port, server.ProcessId, Workloads.Paced[0], plan.WarmUpSeconds));
        var order = new MemoryOrder(server.Port, server.ProcessId, plan.MemoryConnections, plan.MemoryRestSeconds);
        Keep(server, ComparisonPlan.MemoryLoad, round, await load.CarryOutAsync<MemoryReading>(server, order));
        await StopAsync(server);
    }

    private void Keep(ServerProcess server, string load, int round, LoadReading reading) =>
        _samples.Add(new Sample(server.Contestant.Name, load, round, reading));

    private async Task StopAsync(ServerProcess server) =>
        _checks.Add(new CountCheck(server.Contestant.Name, server.PacketsSent, await server.StopAsync()));
}
