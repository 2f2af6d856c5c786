using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json.Nodes;
using TorchKv.Batch.Tests.Support;
using TorchKv.TestSupport;

namespace TorchKv.Batch.Tests.Clients;

/// <summary>The official JavaScript client: upload, batch, poll, output, lists, cancel, delete.</summary>
public sealed class NpmBatchTests(Postgres postgres, Small small)
{
    private static readonly string Folder = RepositoryFiles.At("tests", "TorchKv.Server.Tests", "Clients", "npm");

    [Fact]
    public async Task FilesAndBatchesWork()
    {
        Assert.SkipUnless(
            await IsInstalledAsync(),
            "npm's openai is not there: node or npm is missing, or 'npm ci' failed in " + Folder);
        await using var server = await BatchServer.StartAsync(await postgres.NewDatabaseAsync(), small.Model);
        var start = new ProcessStartInfo("node", "batch.mjs")
        {
            WorkingDirectory = Folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["BASE_URL"] = new Uri(server.Client.BaseAddress!, "/v1").ToString();
        using var node = Process.Start(start)!;
        var errors = node.StandardError.ReadToEndAsync();
        var output = await node.StandardOutput.ReadToEndAsync();
        await node.WaitForExitAsync();
        Assert.True(node.ExitCode == 0, await errors);

        var seen = JsonNode.Parse(output)!;

        Assert.Equal("completed", (string?)seen["status"]);
        Assert.Equal(["line-0", "line-1", "line-2"], seen["ids"]!.AsArray().Select(id => (string)id!));
        Assert.All(seen["texts"]!.AsArray(), text => Assert.NotEqual("", (string)text!));
        Assert.True((bool)seen["listed"]!);
        Assert.Equal(404, (int)seen["missingStatus"]!);
        Assert.Equal("batch_not_found", (string?)seen["missingCode"]);
        Assert.True((bool)seen["deleted"]!);
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
        catch (Win32Exception)
        {
            return false;
        }
    }
}
