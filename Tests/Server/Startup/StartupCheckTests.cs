using DotNettyFraming.Server;
using DotNettyFraming.Server.Startup;

namespace DotNettyFraming.Tests.Server.Startup;

public sealed class StartupCheckTests
{
    private const long GiB = 1L << 30;

    private static readonly ServerOptions Options = new()
    {
        MaxConnections = 19_488,
        Backlog = 4096,
        MaxBufferedBytes = GiB / 2,
        EventLoops = 2,
        MemoryBytes = 4 * GiB,
    };

    [Test]
    public void What_fits_is_no_line() =>
        Assert.That(StartupCheck.Warnings(Options, new MachineLimits(20_000, 4096, 4 * GiB)), Is.Empty);

    [Test]
    public void Unknown_limits_are_no_line() =>
        Assert.That(StartupCheck.Warnings(Options, new MachineLimits(null, null, long.MaxValue)), Is.Empty);

    [Test]
    public void Each_thing_that_does_not_fit_is_a_line_that_names_its_option()
    {
        string[] lines = [.. StartupCheck.Warnings(Options, new MachineLimits(1024, 128, GiB / 2))];

        Assert.That(lines, Has.Length.EqualTo(3));
        Assert.That(lines[0], Does.StartWith("--max-connections 19488: the limit of 1024 open files leaves room for about 768"));
        Assert.That(lines[1], Is.EqualTo("--backlog 4096: the kernel caps it at net.core.somaxconn, 128"));
        Assert.That(
            lines[2],
            Does.StartWith("--max-connections 19488, --max-buffered 512MiB: at worst 682 MiB would be used, and there are 512 MiB"));
    }

    [Test]
    public void Encryption_makes_each_connection_larger()
    {
        ServerOptions encrypted = Options with { TlsCertificateFile = "server.pem" };

        ServerOptions withClients = encrypted with { TlsClientCaFile = "ca.pem" };

        long plain = StartupCheck.WorstCaseBytes(Options);
        Assert.That(StartupCheck.WorstCaseBytes(encrypted) - plain, Is.EqualTo(19_488L * (54 + 8) * 1024));
        Assert.That(StartupCheck.WorstCaseBytes(withClients) - plain, Is.EqualTo(19_488L * (54 + 32) * 1024));
    }

    [TestCase(20_000, 19_488)]
    [TestCase(1024, 512)]
    [TestCase(600, 300)]
    [TestCase(long.MaxValue, 10_000_000)]
    public void Default_of_max_connections_leaves_512_files_or_half(long files, int connections) =>
        Assert.That(ServerOptions.DefaultMaxConnections(new(files, files)), Is.EqualTo(connections));

    [TestCase(4 * GiB, GiB / 2)]
    [TestCase(GiB, GiB / 4)]
    public void Default_of_max_buffered_is_512_MiB_or_a_quarter(long memory, long buffered) =>
        Assert.That(ServerOptions.DefaultMaxBufferedBytes(memory), Is.EqualTo(buffered));

    [Test]
    public void What_may_wait_is_32_MiB_per_loop_or_a_quarter_of_the_memory()
    {
        Assert.That((Options with { MemoryBytes = 4 * GiB }).MaxPendingBytes, Is.EqualTo(33_554_432));
        Assert.That((Options with { MemoryBytes = 33_554_432 }).MaxPendingBytes, Is.EqualTo(4_194_304));
        Assert.That(
            StartupCheck.WorstCaseBytes(Options with { MemoryBytes = 4 * GiB })
                - StartupCheck.WorstCaseBytes(Options with { MemoryBytes = 33_554_432 }),
            Is.EqualTo(2 * (33_554_432 - 4_194_304)));
    }
}
