using DotNettyFraming.LoadClient.Verification;

namespace DotNettyFraming.Tests.LoadClient.Verification;

/// <summary>A source of statistics that gives the test's answers in turn, and then repeats the last one.</summary>
internal sealed class ScriptedStatistics(params StatisticsReading[] answers) : IStatisticsSource
{
    private readonly Queue<StatisticsReading> _answers = new(answers);

    public string Name => "http://server:9998";

    /// <summary>The number of requests so far.</summary>
    public int Requests { get; private set; }

    public bool Disposed { get; private set; }

    /// <summary>Replaces the remaining answers.</summary>
    public void Continue(params ServerStatistics[] answers) => Continue([.. answers.Select(SampleStatistics.Answer)]);

    public void Continue(params StatisticsReading[] answers)
    {
        _answers.Clear();
        foreach (StatisticsReading answer in answers)
        {
            _answers.Enqueue(answer);
        }
    }

    public Task<StatisticsReading> ReadAsync(CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Requests++;
        return Task.FromResult(_answers.Count > 1 ? _answers.Dequeue() : _answers.Peek());
    }

    public void Dispose() => Disposed = true;
}
