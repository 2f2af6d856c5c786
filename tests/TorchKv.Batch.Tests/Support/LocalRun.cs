using System.Text;
using System.Text.Json.Nodes;
using TorchKv.Batch.Local;
using TorchKv.Server;
using TorchKv.Server.Configuration;
using TorchKv.Server.Models;
using TorchKv.TestSupport;

namespace TorchKv.Batch.Tests.Support;

/// <summary>A batch in files, run in this process.</summary>
internal sealed class LocalRun : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public LocalRun(IEnumerable<string> lines)
    {
        File.WriteAllLines(Input, lines);
        File.SetLastWriteTimeUtc(Input, new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc));
    }

    public string Input => _folder["in.jsonl"];

    public string Output => _folder["out.jsonl"];

    public string Errors => _folder["out.errors.jsonl"];

    public FileBatchOptions Options => new()
    {
        Input = Input,
        Output = Output,
        Errors = Errors,
        Settings = "test"u8.ToArray(),
        Concurrency = 8,
    };

    public JsonNode[] Answers => Read(Output);

    public JsonNode[] Failures => Read(Errors);

    public async Task<FileBatchReport> RunAsync(
        ServedModel model,
        FileBatchOptions? options = null,
        Action<int>? onLine = null,
        TorchKvServerOptions? server = null,
        CancellationToken cancellationToken = default)
    {
        using var batch = await FileBatch.OpenAsync(options ?? Options, CancellationToken.None);
        await using var calls = await InProcessServer.StartAsync(
            server ?? new TorchKvServerOptions(), model, CancellationToken.None);
        var count = 0;
        await batch.RunAsync(calls.Calls, _ => onLine?.Invoke(++count), cancellationToken);
        return batch.Report;
    }

    public void Dispose() => _folder.Dispose();

    private static JsonNode[] Read(string path) => File.Exists(path)
        ? [.. File.ReadAllText(path, Encoding.UTF8).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => JsonNode.Parse(line)!)]
        : [];
}
