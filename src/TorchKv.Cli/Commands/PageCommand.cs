using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Files;
using TorchKv.Server;
using TorchKv.Server.Configuration;
using TorchKv.Server.Page;

namespace TorchKv.Cli.Commands;

/// <summary>The live page with a recording in place of a model.</summary>
internal sealed class PageCommand : CliCommand
{
    public const string CommandName = "page";

    private readonly Option<string?> _replay = Values.Text(
        "--replay", "FILE", "a recording that the page of 'torchkv serve' saved");
    private readonly Option<string?> _write = Values.Text(
        "--write", "DIR", "writes page and recording to a folder for any web server, and ends");
    private readonly Option<string?> _host = Values.Text("--host", "ADDRESS", "the address to listen on (127.0.0.1)");
    private readonly Option<int?> _port = Values.Integer(
        "--port", "N", 0, 65535, "the port to listen on; 0: any that is free (8000)");

    public PageCommand(CliConsole console)
        : base(console, CommandName, "Shows a recording of the live page, without a model.")
    {
        AddGroup("Recording", _replay);
        AddGroup("Output", _write, _host, _port);
    }

    public override IReadOnlyList<(string Line, string Does)> Examples =>
    [
        ("torchkv page --replay docs/page-demo.jsonl", "the demo at http://127.0.0.1:8000/"),
        ("torchkv page --replay recording.jsonl --write shown", "a folder to put on a web server"),
    ];

    public override IReadOnlyList<string> Notes =>
    [
        "'torchkv serve' has the live page at '/'. Its button Record saves what the page shows as a file of JSON "
        + "lines. docs/page.md explains the page.",
    ];

    protected override async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var recording = parsed.GetValue(_replay)
            ?? throw new UsageException("--replay FILE is missing: the recording to show.");
        if (recording.Length == 0)
        {
            throw new UsageException("--replay takes the name of a file, not ''.");
        }

        var folder = ReplayFolder.Of(recording);
        if (parsed.GetValue(_write) is { } directory)
        {
            Write(folder, directory);
            Console.Out.WriteLine($"{folder.Files.Count} files in {directory}; serve them with any web server.");
            return ExitCodes.Done;
        }

        var address = new TorchKvServerOptions();
        address.Host = parsed.GetValue(_host) ?? address.Host;
        address.Port = parsed.GetValue(_port) ?? address.Port;
        Console.StopLimit = Timeout.InfiniteTimeSpan;
        try
        {
            await ReplayServer.RunAsync(
                folder,
                address,
                builder =>
                {
                    builder.Logging.ClearProviders();
                    builder.Services.AddSingleton<IHostLifetime, CommandLifetime>();
                },
                addresses =>
                {
                    Console.Out.WriteLine($"Showing {recording} at {string.Join(", ", addresses)}");
                    Console.Out.Flush();
                },
                cancellationToken).ConfigureAwait(false);
        }
        catch (IOException e) when (e.Message.Contains("address already in use", StringComparison.Ordinal))
        {
            throw new TorchKvException($"{e.Message.TrimEnd('.')}; take another --port, or 0 for any that is free.", e);
        }

        return ExitCodes.Done;
    }

    private static void Write(ReplayFolder folder, string directory)
    {
        foreach (var (name, content) in folder.Files)
        {
            var path = Path.Combine(directory, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            AtomicFile.Write(path, stream => stream.Write(content), content.Length);
        }
    }
}
