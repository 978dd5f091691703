using DotNettyFraming.Hosting.Options;
using DotNettyFraming.LoadClient.Options;

namespace DotNettyFraming.Tests.LoadClient.Options;

public sealed class LoadOptionsTests
{
    [Test]
    public void Defaults_are_the_contracts()
    {
        LoadOptions options = Read("").Options;

        Assert.That(options.Host, Is.EqualTo("127.0.0.1"));
        Assert.That(options.Port, Is.EqualTo(9999));
        Assert.That(options.Connections, Is.EqualTo(10_000));
        Assert.That(options.Payload.MaxPacketBytes, Is.EqualTo(32));
        Assert.That(options.PacketsPerWrite, Is.EqualTo(1));
        Assert.That(options.Duration, Is.EqualTo(TimeSpan.FromSeconds(10)));
        Assert.That(options.Packets, Is.Null);
        Assert.That(options.RampUp, Is.Null);
    }

    [Test]
    public void Packets_take_the_default_duration_away_and_not_a_given_one()
    {
        Assert.That(Read("--packets 5").Options, Has.Property("Duration").Null.And.Property("Packets").EqualTo(5));
        Assert.That(Read("--packets 5 --duration 2s").Options.Duration, Is.EqualTo(TimeSpan.FromSeconds(2)));
    }

    [TestCase("100", 100, 100)]
    [TestCase("0", 0, 0)]
    [TestCase("0-65535", 0, 65_535)]
    [TestCase("10-20", 10, 20)]
    public void Payload_bytes_are_a_length_or_a_range(string text, int min, int max)
    {
        PayloadShape payload = Read($"--payload-bytes {text}").Options.Payload;

        Assert.That((payload.MinBytes, payload.MaxBytes), Is.EqualTo((min, max)));
    }

    [TestCase("--payload-bytes 65536")]
    [TestCase("--payload-bytes 20-10")]
    [TestCase("--payload-bytes 1-2-3")]
    [TestCase("--payload-bytes=-1")]
    [TestCase("--payload-bytes many")]
    [TestCase("--payload= --payload-bytes 5")]
    [TestCase("--connections 0")]
    [TestCase("--port 0")]
    [TestCase("--packets 0")]
    [TestCase("--packets-per-write 1000000")]
    [TestCase("--duration 5")]
    [TestCase("--host=")]
    [TestCase("--source [::1]:80")]
    [TestCase("--source [::1]")]
    [TestCase("--source ::1/64")]
    [TestCase("--source 127.0.0.2:80")]
    public async Task Faulty_option_is_one_line_that_names_it_and_exit_code_2(string arguments)
    {
        ClientRun run = await ClientRun.WithAsync(arguments);

        Assert.That(run.ExitCode, Is.EqualTo(2));
        Assert.That(run.Error, Does.StartWith(arguments.Split(' ', '=')[0]));
        Assert.That(run.Error.TrimEnd().Split('\n'), Has.Length.EqualTo(1));
        Assert.That(run.Output, Is.Empty);
    }

    [Test]
    public void Payload_longer_than_a_packet_carries_is_a_fault()
    {
        Assert.That(Read($"--payload {new string('x', 65_536)}").Outcome.Errors, Has.Count.EqualTo(1));
        Assert.That(Read($"--payload {new string('x', 65_535)}").Outcome.Errors, Is.Empty);
    }

    [Test]
    public void Environment_gives_what_the_command_line_does_not()
    {
        var environment = new Dictionary<string, string> { ["FRAMING_LOAD_CONNECTIONS"] = "7", ["FRAMING_LOAD_PORT"] = "1" };

        Assert.That(Read("--port 2", environment).Options, Has.Property("Connections").EqualTo(7).And.Property("Port").EqualTo(2));
    }

    private static (LoadOptions Options, ParsedOptions<LoadOptions> Outcome) Read(
        string arguments, Dictionary<string, string>? environment = null)
    {
        ParsedOptions<LoadOptions> parsed = LoadOptionDeclarations.Declare().Parse(
            arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries), environment ?? []);
        return (LoadOptionDeclarations.Read(parsed), parsed);
    }
}
