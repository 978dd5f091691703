using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace DotNettyFraming.Tests.Harness;

/// <summary>A duplicate of a socket's descriptor (<c>dup(2)</c>) that child processes inherit, as from a service manager.</summary>
internal sealed class DuplicatedDescriptor : IDisposable
{
    private bool _given;

    public DuplicatedDescriptor(Socket socket)
    {
        Number = Duplicate((int)socket.Handle);
        Assert.That(Number, Is.Positive);
    }

    public int Number { get; }

    /// <summary>Returns the descriptor and passes its ownership to the caller.</summary>
    public int Give()
    {
        _given = true;
        return Number;
    }

    public void Dispose()
    {
        if (!_given)
        {
            _given = true;
            Assert.That(Close(Number), Is.Zero);
        }
    }

    [DllImport("libc", EntryPoint = "dup")]
    private static extern int Duplicate(int descriptor);

    [DllImport("libc", EntryPoint = "close")]
    private static extern int Close(int descriptor);
}
