namespace DotNettyFraming.LoadClient.Reporting;

/// <summary>How a run with <c>--rate</c> kept its timetable.</summary>
/// <param name="Asked">Packets a second asked for.</param>
/// <param name="Achieved">Packets a second sent, over the time of sending.</param>
/// <param name="Late">Packets sent that were begun more than a millisecond after they were due.</param>
/// <param name="Unsent">Packets that were due and never begun, as their connection ended or the server took nothing to the end.</param>
internal sealed record RateReport(long Asked, double Achieved, long Late, long Unsent)
{
    /// <summary>The share of the asked rate within which a run counts as having kept it.</summary>
    public const double Tolerance = 0.01;

    /// <summary>Whether the rate was kept, within <see cref="Tolerance"/>.</summary>
    public bool IsKept => Achieved >= Asked * (1 - Tolerance);
}
