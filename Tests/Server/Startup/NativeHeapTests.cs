using System.Runtime.InteropServices;
using DotNettyFraming.Server.Startup;

namespace DotNettyFraming.Tests.Server.Startup;

[NonParallelizable]
[Platform("Linux", Reason = "glibc's heap.")]
public sealed class NativeHeapTests
{
    private const int Pieces = 1024;
    private const int PieceBytes = 32 * 1024;

    [Test]
    public void Pieces_that_are_free_below_one_in_use_go_back_to_the_system()
    {
        byte[] content = new byte[PieceBytes];
        nint[] pieces = new nint[Pieces];
        for (int i = 0; i < Pieces; i++)
        {
            pieces[i] = Marshal.AllocHGlobal(PieceBytes); // malloc(3)
            Marshal.Copy(content, 0, pieces[i], PieceBytes);
        }

        for (int i = 0; i < Pieces - 1; i++)
        {
            Marshal.FreeHGlobal(pieces[i]);
        }

        long held = Environment.WorkingSet;
        NativeHeap.Trim();
        long givenBack = held - Environment.WorkingSet;
        Marshal.FreeHGlobal(pieces[^1]);

        Assert.That(givenBack, Is.GreaterThan(Pieces * PieceBytes / 2), "bytes");
    }
}
