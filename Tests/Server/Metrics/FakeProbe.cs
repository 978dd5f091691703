using DotNettyFraming.Server.Metrics;

namespace DotNettyFraming.Tests.Server.Metrics;

/// <summary>A probe that reports the test's values and counts surveys.</summary>
internal sealed class FakeProbe : IServerProbe, IEventLoopLoad
{
    public FakeProbe() => Answer = Task.FromResult<PeerSurvey?>(Survey);

    public PeerSurvey Survey { get; } = new([], []);

    public Task<PeerSurvey?> Answer { get; set; }

    public int Surveys { get; private set; }

    public string TransportName => "fake";

    public int MaxConnections => 1;

    public long MaxBufferedBytes => 1;

    public bool HasPacketTime => true;

    public IReadOnlyList<EventLoopProbe> EventLoops => [new("0", this), new("accept", null)];

    public IReadOnlyDictionary<string, long>? AcceptErrors => null;

    public TimeSpan CpuTime { get; set; }

    public int QueueLength { get; set; }

    public Task<PeerSurvey?> SurveyAsync(int most)
    {
        Surveys++;
        return Answer;
    }
}
