using System.Text;

namespace DotNettyFraming.Tests.Hosting.Logging;

/// <summary>A paused terminal: writes to it block until it is released.</summary>
internal sealed class StalledWriter : TextWriter
{
    // A bound, so that a failing test ends.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    private readonly ManualResetEventSlim _released = new();
    private int _lines;

    public override Encoding Encoding => Encoding.UTF8;

    public int Lines => Volatile.Read(ref _lines);

    public void Release() => _released.Set();

    // All other overloads of Write call this one.
    public override void Write(char value)
    {
        _released.Wait(Limit);
        if (value == '\n')
        {
            Interlocked.Increment(ref _lines);
        }
    }

    protected override void Dispose(bool disposing)
    {
        _released.Dispose();
        base.Dispose(disposing);
    }
}
