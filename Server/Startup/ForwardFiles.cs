using System.Security.Cryptography;
using DotNettyFraming.Hosting;
using DotNettyFraming.Server.Forwarding;

namespace DotNettyFraming.Server.Startup;

/// <summary>The options of forwarding, read into its rules.</summary>
internal static class ForwardFiles
{
    /// <summary>Reads the options, and the files once: the password is read again for each connection.</summary>
    /// <exception cref="StartupException">A file cannot be read or used.</exception>
    public static ForwardRules Read(ServerOptions options)
    {
        var rules = new ForwardRules
        {
            Url = ForwardUrl.Parse(options.Forward!, out string error) ?? throw new StartupException($"--forward: {error}"),
            Stream = options.ForwardStream,
            PasswordFile = options.ForwardPasswordFile,
            CaFile = options.ForwardCaFile,
            Replicas = options.ForwardReplicas,
            Keep = options.ForwardKeep,
        };
        Try("--forward-password-file", () => (rules with { CaFile = null }).Configure());
        Try("--forward-ca", () => (rules with { PasswordFile = null }).Configure());
        return rules;
    }

    private static void Try(string option, Action read)
    {
        try
        {
            read();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new StartupException($"{option}: {e.Message}", e);
        }
    }
}
