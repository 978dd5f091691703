using System.Diagnostics;
using System.Net;

namespace DotNettyFraming.Tests.Harness;

/// <summary>The <c>openssl s_client</c> program: a TLS peer that is not .NET.</summary>
internal static class OpensslClient
{
    /// <summary>Starts it, with its three streams redirected. Skips the test where openssl is missing; in CI fails it.</summary>
    public static Process Start(IPEndPoint server, params string[] arguments) => Process.Start(
        new ProcessStartInfo(InstalledProgram.Find("openssl"), ["s_client", "-connect", $"{server}", .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
}
