namespace DotNettyFraming.Server.Pipeline;

/// <summary>Since when a connection has held the same thing, as far as the sweeps have seen it: a number names the thing.</summary>
internal struct HeldMark
{
    private long _mark;
    private long _since;

    /// <summary>Looked at in each sweep.</summary>
    public void Look(long mark, long now)
    {
        if (mark != _mark || _since == 0)
        {
            _mark = mark;
            _since = now;
        }
    }

    /// <summary>Since when <paramref name="mark"/> is known; <paramref name="now"/> where no sweep has seen it yet.</summary>
    public readonly long Since(long mark, long now) => mark == _mark && _since != 0 ? _since : now;
}
