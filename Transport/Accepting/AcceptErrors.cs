using DotNettyFraming.Transport.Native;

namespace DotNettyFraming.Transport.Accepting;

/// <summary>How often accept failed, by errno. Written on the listener's loop, read from any thread.</summary>
internal sealed class AcceptErrors
{
    /// <summary>Above the largest errno of Linux (133).</summary>
    private const int Size = 160;

    private readonly long[] _counts = new long[Size];

    /// <summary>Counts one.</summary>
    public void Add(int errno)
    {
        ref long count = ref _counts[(uint)errno < Size ? errno : 0];
        Volatile.Write(ref count, count + 1);
    }

    /// <summary>The counts that are not zero, by the errno's name.</summary>
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
