using System.Net;
using System.Net.Sockets;
using DotNettyFraming.Server.Limits;

namespace DotNettyFraming.Server.Pipeline.Tls;

/// <summary>Runs the expensive steps of handshakes on the thread pool, one at a time per address and addresses in turn.</summary>
/// <remarks>
/// A client chooses what its certificate chain costs: a chain of RSA keys with 3072-bit exponents takes 12 ms of CPU per certificate. So a
/// bounded number of threads verifies chains off the event loops, and an address with many handshakes waits behind itself. Waiting
/// handshakes are not refused: a site behind one address reconnects all its devices together. Thread-safe.
/// </remarks>
/// <param name="maxRunning">Steps that run at the same time.</param>
internal sealed class VerificationQueue(int maxRunning)
{
    private readonly Lock _lock = new();

    /// <summary>The waiting steps by address; an address is present while one of its steps waits or runs.</summary>
    private readonly Dictionary<(AddressFamily Family, ulong Network), Queue<Action>> _waiting = [];

    /// <summary>The addresses whose next step may run.</summary>
    private readonly Queue<(AddressFamily Family, ulong Network)> _turns = [];
    private int _running;

    /// <summary>Adds a step, which must not throw.</summary>
    /// <param name="peer">The peer's address; those without one share a turn.</param>
    /// <param name="step">The step.</param>
    public void Add(IPAddress? peer, Action step)
    {
        lock (_lock)
        {
            (AddressFamily, ulong) key = peer is null ? default : ConnectionLimits.KeyOf(peer);
            if (_waiting.TryGetValue(key, out Queue<Action>? steps))
            {
                steps.Enqueue(step);
                return;
            }

            _waiting.Add(key, new Queue<Action>([step]));
            _turns.Enqueue(key);
            if (_running == maxRunning)
            {
                return;
            }

            _running++;
        }

        ThreadPool.UnsafeQueueUserWorkItem(static queue => queue.Run(), this, preferLocal: false);
    }

    private void Run()
    {
        while (true)
        {
            (AddressFamily, ulong) key;
            Action step;
            lock (_lock)
            {
                if (!_turns.TryDequeue(out key))
                {
                    _running--;
                    return;
                }

                step = _waiting[key].Dequeue();
            }

            step();
            lock (_lock)
            {
                if (_waiting[key].Count > 0)
                {
                    _turns.Enqueue(key);
                }
                else
                {
                    _waiting.Remove(key);
                }
            }
        }
    }
}
