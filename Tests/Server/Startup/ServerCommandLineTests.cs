using DotNettyFraming.Hosting;
using DotNettyFraming.Hosting.Options;
using DotNettyFraming.Server;
using DotNettyFraming.Server.Processing;
using DotNettyFraming.Server.Startup;

namespace DotNettyFraming.Tests.Server.Startup;

public sealed class ServerCommandLineTests
{
    [TestCase("0", 0)]
    [TestCase("1000", 1000)]
    [TestCase("32KiB", 32_768)]
    [TestCase("65535", 65_535)]
    public void Max_payload_is_a_size(string text, int bytes)
    {
        ParsedOptions<ServerOptions> outcome = Parse("--max-payload", text);

        Assert.That(outcome.Errors, Is.Empty);
        Assert.That(outcome.Options.MaxPayloadBytes, Is.EqualTo(bytes));
    }

    [Test]
    public void Max_payload_above_what_a_header_can_say_is_out_of_range() =>
        Assert.That(
            Parse("--max-payload", "64KiB").Errors,
            Is.EqualTo(["--max-payload: is more than the length of --header can say (65535)"]));

    [Test]
    public void Proxy_options_are_read()
    {
        ParsedOptions<ServerOptions> outcome = Parse(
            "--proxy-protocol", "required", "--proxy-trusted", "10.0.0.0/8, 192.0.2.7/32,2001:db8::/32");
        ServerOptions options = outcome.Options;

        Assert.That(outcome.Errors, Is.Empty);
        Assert.That(options.ProxyProtocol, Is.EqualTo(ProxyProtocol.Required));
        Assert.That(options.ProxyTrusted.Select(network => $"{network}"), Is.EqualTo(["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"]));
    }

    [Test]
    public void TCP_options_are_read_and_off_by_default()
    {
        Assert.That(
            Parse().Settings,
            Is.SupersetOf(new[] { "--tcp-keepalive off (default)", "--tcp-user-timeout off (default)", "--tcp-quickack on (default)" }));

        ParsedOptions<ServerOptions> outcome = Parse("--tcp-keepalive", "60s", "--tcp-user-timeout", "90s", "--tcp-quickack", "off");

        Assert.That(outcome.Errors, Is.Empty);
        Assert.That(outcome.Options.TcpKeepAlive, Is.EqualTo(TimeSpan.FromSeconds(60)));
        Assert.That(outcome.Options.TcpUserTimeout, Is.EqualTo(TimeSpan.FromSeconds(90)));
        Assert.That(outcome.Options.TcpQuickAck, Is.False);
    }

    [Test]
    public void Forward_options_are_read()
    {
        ParsedOptions<ServerOptions> outcome = Parse(
            "--store", "x", "--forward", "rediss://app@a.example:6379,[::1]:6380", "--forward-stream", "prod:framing",
            "--forward-replicas", "2", "--forward-keep", "7d", "--forward-ca", "ca.pem", "--forward-password-file", "secret",
            "--ack", "forwarded");
        ServerOptions options = outcome.Options;

        Assert.That(outcome.Errors, Is.Empty);
        Assert.That((options.Forward, options.ForwardStream), Is.EqualTo(("rediss://app@a.example:6379,[::1]:6380", "prod:framing")));
        Assert.That((options.ForwardReplicas, options.ForwardKeep), Is.EqualTo((2, TimeSpan.FromDays(7))));
        Assert.That((options.ForwardCaFile, options.ForwardPasswordFile), Is.EqualTo(("ca.pem", "secret")));
        Assert.That(options.Ack, Is.EqualTo(AckLevel.Forwarded));
    }

    [TestCase("redis://user:secret@host:6379")]
    [TestCase("user:secret@host:6379")]
    [TestCase("redis://:secret@host:notaport")]
    public void Password_in_the_URL_is_a_fault_that_does_not_show_it(string url)
    {
        ParsedOptions<ServerOptions> outcome = Parse("--store", "x", "--forward", url);

        Assert.That(outcome.Errors, Is.EqualTo(
            ["--forward: has a password, which other users of this machine can see; use --forward-password-file"]));
        Assert.That(outcome.Conclude(TextWriter.Null, TextWriter.Null), Is.EqualTo(ExitCode.Usage));
    }

    [TestCase("http://host:1")]
    [TestCase("host:6379")]
    [TestCase("redis://host")]
    [TestCase("redis://host:0")]
    [TestCase("redis://host:6379,")]
    [TestCase("redis://@host:6379")]
    [TestCase("redis://host:6379/1")]
    [TestCase("redis://host:6379?password=x")]
    public void Forward_URL_of_another_form_is_a_fault(string url) => Assert.That(
        Parse("--store", "x", "--forward", url).Errors,
        Is.EqualTo(["--forward: is not redis://[user@]host:port[,host:port…] or rediss://…"]));

    [Test]
    public void Forward_options_need_each_other()
    {
        Assert.That(Parse("--forward", "redis://a:1").Errors, Is.EqualTo(["--forward: needs --store"]));
        Assert.That(Parse("--store", "x", "--forward-keep", "1h").Errors, Is.EqualTo(["--forward-keep: needs --forward"]));
        Assert.That(Parse("--store", "x", "--ack", "forwarded").Errors, Is.EqualTo(["--ack: 'forwarded' needs --forward"]));
        Assert.That(
            Parse("--store", "x", "--forward", "redis://a:1", "--forward-ca", "x").Errors,
            Is.EqualTo(["--forward-ca: needs a --forward of rediss://"]));
    }

    [TestCase("--tcp-keepalive", "999ms", "is out of range (1s to 9h)")]
    [TestCase("--tcp-keepalive", "10h", "is out of range (1s to 9h)")]
    [TestCase("--tcp-user-timeout", "25h", "is out of range (1ms to 24h)")]
    [TestCase("--tcp-user-timeout", "never", "is not a duration")]
    [TestCase("--tcp-quickack", "false", "is neither on nor off")]
    public void TCP_option_out_of_range_is_a_fault(string option, string value, string fault) =>
        Assert.That(Parse(option, value).Errors.Single(), Does.StartWith($"{option}: '{value}' {fault}"));

    [Test]
    public void Proxy_protocol_on_a_Unix_socket_needs_no_trusted_networks() =>
        Assert.That(Parse("--proxy-protocol", "required", "--address", "unix:/run/framing.sock").Errors, Is.Empty);

    [Test]
    public void Proxy_protocol_without_trusted_networks_is_one_fault()
    {
        ParsedOptions<ServerOptions> outcome = Parse("--proxy-protocol", "required");

        Assert.That(
            outcome.Errors,
            Is.EqualTo(["--proxy-protocol: 'required' needs --proxy-trusted, the networks that may send PROXY headers"]));
        Assert.That(outcome.Conclude(TextWriter.Null, TextWriter.Null), Is.EqualTo(ExitCode.Usage));
    }

    [TestCase("")]
    [TestCase("10.0.0.0")]
    [TestCase("10.0.0.1/8")]
    [TestCase("010.0.0.0/8")]
    [TestCase("10.0.0.0/33")]
    [TestCase("1/32")]
    [TestCase("10.0.0.0/8,")]
    [TestCase("2001:db8::1/32")]
    [TestCase("fe80::%1/64")]
    [TestCase("::ffff:10.0.0.0/104")]
    [TestCase("balancer.example")]
    public void Proxy_trusted_takes_nothing_but_networks(string text)
    {
        ParsedOptions<ServerOptions> outcome = Parse("--proxy-protocol", "required", "--proxy-trusted", text);

        Assert.That(
            outcome.Errors,
            Is.EqualTo([$"--proxy-trusted: '{text}' is no list of networks (10.0.0.0/8,192.0.2.7/32,2001:db8::/32)"]));
    }

    [Test]
    public void Admin_hosts_and_profiles_are_read()
    {
        ParsedOptions<ServerOptions> outcome = Parse("--admin-hosts", "framing.example, admin.internal", "--admin-profiles", "any");
        ServerOptions options = outcome.Options;

        Assert.That(outcome.Errors, Is.Empty);
        Assert.That(options.AdminHosts, Is.EqualTo(["framing.example", "admin.internal"]));
        Assert.That(options.AdminProfiles, Is.EqualTo(ProfileAccess.Any));
        Assert.That(new ServerOptions().AdminProfiles, Is.EqualTo(ProfileAccess.Loopback));
    }

    [TestCase("")]
    [TestCase("framing.example:9998")]
    [TestCase("framing.example,")]
    [TestCase("http://framing.example")]
    public void Admin_hosts_takes_nothing_but_names(string text) => Assert.That(
        Parse("--admin-hosts", text).Errors,
        Is.EqualTo([$"--admin-hosts: '{text}' is no list of host names without ports (framing.example,metrics.internal)"]));

    private static ParsedOptions<ServerOptions> Parse(params string[] arguments)
    {
        ParsedOptions<ServerOptions> parsed = ServerCommandLine.Declare().Parse(arguments, new Dictionary<string, string>());
        ServerCommandLine.AddConflicts(parsed);
        return parsed;
    }
}
