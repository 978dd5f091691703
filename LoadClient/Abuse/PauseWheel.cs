using DotNetty.Common.Concurrency;

namespace DotNettyFraming.LoadClient.Abuse;

/// <summary>
/// The second, as a wheel of <see cref="Slots"/> moments: a peer that pauses goes on at its own one, which its number decides, so that
/// the peers' writes are spread over the second. Used on the event loop.
/// </summary>
/// <param name="clock">Turns the wheel.</param>
internal sealed class PauseWheel(TimeProvider clock)
{
    /// <summary>Moments in a second.</summary>
    public const int Slots = 100;

    /// <summary>The time from one moment to the next.</summary>
    public static readonly TimeSpan Step = TimeSpan.FromSeconds(1.0 / Slots);

    private readonly long _beganAt = clock.GetTimestamp();
    private readonly List<IRunnable>[] _slots = [.. Enumerable.Range(0, Slots).Select(_ => new List<IRunnable>())];
    private List<IRunnable> _spare = [];
    private long _turned;

    /// <summary>Lets a peer wait for its moment. One that ends meanwhile need not be taken out.</summary>
    /// <param name="number">The peer's number.</param>
    /// <param name="peer">Goes on when it is run; it may wait again then.</param>
    public void Add(int number, IRunnable peer) => _slots[number % Slots].Add(peer);

    /// <summary>Lets those go on whose moment has come since the last call.</summary>
    public void Turn()
    {
        long due = clock.GetElapsedTime(_beganAt).Ticks / Step.Ticks;

        // After a stall of many seconds each goes on once: nobody catches up with what it has missed.
        _turned = Math.Max(_turned, due - Slots);
        while (_turned < due)
        {
            int slot = (int)(++_turned % Slots);
            List<IRunnable> waiting = _slots[slot];
            _slots[slot] = _spare; // those that pause again come into this one
            foreach (IRunnable peer in waiting)
            {
                peer.Run();
            }

            waiting.Clear();
            _spare = waiting;
        }
    }
}
