using DotNettyFraming.LoadClient.Verification;

namespace DotNettyFraming.Tests.LoadClient.Verification;

/// <summary>A server whose every answer the test writes; once it has told the last one it repeats it.</summary>
internal sealed class ScriptedStatistics(params StatisticsReading[] answers) : IStatisticsSource
{
    private readonly Queue<StatisticsReading> _answers = new(answers);

    public string Name => "http://server:9998";

    /// <summary>How often it was asked.</summary>
    public int Requests { get; private set; }

    public bool Disposed { get; private set; }

    /// <summary>Replaces what is still to be told.</summary>
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
