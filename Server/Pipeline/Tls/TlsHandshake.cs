using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;

namespace DotNettyFraming.Server.Pipeline.Tls;

/// <summary>The handshake of one connection, step by step, and the judgement of the client's certificates.</summary>
/// <remarks>Threads: one at a time. A step may run on another thread than the event loop.</remarks>
internal sealed class TlsHandshake : IDisposable
{
    /// <summary>The input that a handshake may take: three RSA-4096 certificates are 6 KiB. Of a chain of RSA-3072 with 3072-bit exponents
    /// 10 certificates fit. Measured: 0.06 s of CPU for them, 0.84 s for 70 (94 KB).</summary>
    public const int MaxBytes = 16 * 1024;

    /// <summary>The certificates that a client's chain may have, its own and the root included.</summary>
    private const int MaxChain = 8;

    private readonly TlsStream _stream;
    private readonly TlsRules _rules;
    private Task? _task;
    private int _bytes;

    /// <summary>Why the client's certificate was refused.</summary>
    private string? _refusal;

    public TlsHandshake(TlsStream stream, TlsRules rules)
    {
        _stream = stream;
        _rules = rules;
        stream.Allowance = MaxBytes;
    }

    /// <summary>The stream; null before the first step.</summary>
    public SslStream? Ssl { get; private set; }

    /// <summary>Whether the first step has been taken.</summary>
    public bool HasStarted => _task is not null;

    /// <summary>Whether data can be sent and received; set by <see cref="TryComplete"/>.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Whether TLS 1.3 was agreed on.</summary>
    public bool IsTls13 => Ssl!.SslProtocol == SslProtocols.Tls13;

    /// <summary>The bytes that it has taken.</summary>
    public int Bytes => IsComplete ? _bytes : MaxBytes - _stream.Allowance;

    /// <summary>The bytes of certificates that the client sent and that are not part of its chain.</summary>
    public int ForeignBytes { get; private set; }

    /// <summary>Why it failed; null while it has not.</summary>
    public string? Fault => _task?.Exception is not { } fault ? null
        : _stream.Allowance == 0 ? $"a handshake of more than {MaxBytes} bytes"
        : _refusal ?? fault.GetBaseException().Message;

    /// <summary>Takes the step that the whole records allow.</summary>
    /// <remarks>On this thread, but as a task of the thread pool: otherwise code that awaits in SslStream would continue there.</remarks>
    public void Step() => new Task(Advance).RunSynchronously(TaskScheduler.Default);

    /// <summary>Marks the handshake as complete if its last step completed it; on the event loop.</summary>
    public bool TryComplete()
    {
        if (_task is { IsCompletedSuccessfully: true })
        {
            IsComplete = true;
            _bytes = MaxBytes - _stream.Allowance;
            _stream.Allowance = int.MaxValue;
        }

        return IsComplete;
    }

    /// <summary>Releases the stream and its buffers.</summary>
    public void Dispose()
    {
        if (IsComplete)
        {
            _stream.End(); // an unfinished handshake would throw
        }

        Ssl?.Dispose();
    }

    private void Advance()
    {
        if (_task is null)
        {
            Ssl = new SslStream(_stream, leaveInnerStreamOpen: true, _rules.Verify is null ? null : Judge);
            _task = Ssl.AuthenticateAsServerAsync(_rules.Options());
        }
        else
        {
            _stream.Supply();
        }
    }

    /// <summary>Judges the client's certificate, which SslStream has verified; on the other thread.</summary>
    private bool Judge(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (chain is null || errors != SslPolicyErrors.None)
        {
            string statuses = string.Join(", ", chain?.ChainStatus.Select(status => status.Status) ?? []);
            _refusal = $"the client's certificate: {errors} {statuses}";
            return false;
        }

        if (chain.ChainElements.Count > MaxChain)
        {
            _refusal = $"a chain of more than {MaxChain} certificates";
            return false;
        }

        ForeignBytes = chain.ChainPolicy.ExtraStore
            .Where(sent => !chain.ChainElements.Any(element => IsSame(element.Certificate, sent)))
            .Sum(sent => sent.RawDataMemory.Length);
        return true;

        // X509Certificate.Equals compares issuer and serial number only.
        static bool IsSame(X509Certificate2 one, X509Certificate2 other) => one.RawDataMemory.Span.SequenceEqual(other.RawDataMemory.Span);
    }
}
