using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport.Accepting;

/// <summary>The failures of accept, counted by errno. Written on the listener's loop, read by any thread.</summary>
internal sealed class AcceptErrors
{
    /// <summary>Above the largest errno of Linux (133).</summary>
    private const int Size = 160;

    private readonly long[] _counts = new long[Size];

    public void Add(int errno)
    {
        ref long count = ref _counts[(uint)errno < Size ? errno : 0];
        Volatile.Write(ref count, count + 1);
    }

    /// <summary>Returns the counts above zero by the errno's name.</summary>
    public IReadOnlyDictionary<string, long> ToDictionary()
    {
        var named = new Dictionary<string, long>();
        for (int errno = 0; errno < Size; errno++)
        {
            long count = Volatile.Read(ref _counts[errno]);
            if (count != 0)
            {
                named[SocketErrors.Name(errno)] = count;
            }
        }

        return named;
    }
}
