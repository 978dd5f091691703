using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace DotNettyFraming.Tests.Harness;

/// <summary>A second descriptor of a .NET socket (dup(2)), which child processes inherit: to hand a socket over as a service manager does.</summary>
internal sealed class DuplicatedDescriptor : IDisposable
{
    private bool _given;

    public DuplicatedDescriptor(Socket socket)
    {
        Number = Duplicate((int)socket.Handle);
        Assert.That(Number, Is.Positive);
    }

    public int Number { get; }

    /// <summary>Whoever gets it closes it.</summary>
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
