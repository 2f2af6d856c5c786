using System.Diagnostics;
using System.Text.Json.Nodes;
using TorchKv.TestSupport;
using Storyteller = TorchKv.Server.Tests.Support.Storyteller;

namespace TorchKv.Server.Tests.Clients;

/// <summary>The official JavaScript client: plain, stream, usage, error, cancel.</summary>
public sealed class NpmClientTests(Storyteller storyteller)
{
    private static readonly string Folder = RepositoryFiles.At("tests", "TorchKv.Server.Tests", "Clients", "npm");

    [Fact]
    public async Task PlainStreamUsageErrorAndCancelWork()
    {
        Assert.SkipUnless(
            await IsInstalledAsync(),
            "npm's openai is not there: node or npm is missing, or 'npm ci' failed in " + Folder);
        var start = new ProcessStartInfo(
            "node",
            "client.mjs")
        { WorkingDirectory = Folder, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["BASE_URL"] = new Uri(storyteller.Server.Address, "/v1").ToString();
        using var node = Process.Start(start)!;
        var errors = node.StandardError.ReadToEndAsync();
        var output = await node.StandardOutput.ReadToEndAsync();
        await node.WaitForExitAsync();
        Assert.True(node.ExitCode == 0, await errors);
        var seen = JsonNode.Parse(output)!;
        Assert.NotEmpty((string)seen["plain"]!);
        Assert.Equal((string?)seen["plain"], (string?)seen["streamed"]);
        Assert.Equal((int)seen["plainTokens"]!, (int)seen["streamedTokens"]!);
        Assert.Equal(400, (int)seen["errorStatus"]!);
        Assert.Equal("context_length_exceeded", (string?)seen["errorCode"]);
        Assert.Equal("messages", (string?)seen["errorParam"]);
        Assert.True((bool)seen["cancelled"]!);
        Assert.NotEmpty((string)seen["response"]!);
        Assert.NotEmpty((string)seen["completion"]!);
        Assert.NotNull((string?)seen["requestId"]);
    }

    /// <summary>Installs the client where it is not installed yet; false where that is not possible.</summary>
    private static async Task<bool> IsInstalledAsync()
    {
        if (Directory.Exists(Path.Combine(Folder, "node_modules", "openai")))
        {
            return true;
        }

        try
        {
            var start = new ProcessStartInfo("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"])
            {
                WorkingDirectory = Folder,
            };
            using var npm = Process.Start(start)!;
            await npm.WaitForExitAsync();
            return npm.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // There is no npm.
            return false;
        }
    }
}
