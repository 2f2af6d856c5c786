using System.Diagnostics;
using System.Globalization;
using TorchKv.Batch.Local;
using TorchKv.Cli.Terminal;

namespace TorchKv.Cli.Commands;

/// <summary>
/// Shows how far a batch is: a bar on a terminal, elsewhere a line every ten seconds; and at the end the result.
/// </summary>
internal sealed class BatchOutput : IDisposable
{
    private static readonly TimeSpan BetweenLines = TimeSpan.FromSeconds(10);
    private readonly CliConsole _console;
    private readonly ProgressLine _bar;
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private TimeSpan _nextLine = BetweenLines;

    public BatchOutput(CliConsole console, FileBatchReport report)
    {
        _console = console;
        if (report.Before > 0)
        {
            _console.Error.WriteLine(
                Invariant($"torchkv: {report.Before} of {report.Lines} lines were done before; going on."));
        }

        _bar = new ProgressLine(console, "answering", report.Lines);
        Show(report);
    }

    public void Show(FileBatchReport report)
    {
        var perSecond = (report.Done - report.Before) / Math.Max(_watch.Elapsed.TotalSeconds, 0.001);
        var failed = report.Failed > 0 ? Invariant($", {report.Failed} failed") : "";
        var note = Invariant($"{report.Done} of {report.Lines} lines{failed}, {perSecond:F1}/s");
        _bar.Report(report.Done, note);
        if (!_console.ErrorIsTerminal && _watch.Elapsed >= _nextLine)
        {
            _nextLine = _watch.Elapsed + BetweenLines;
            _console.Error.WriteLine($"torchkv: {note}");
        }
    }

    public void Stopped(FileBatchReport report)
    {
        _bar.Dispose();
        _console.Error.WriteLine(Invariant(
            $"torchkv: stopped with {report.Done} of {report.Lines} lines done; the same command goes on from there."));
    }

    public void Finished(FileBatchReport report, FileBatchOptions files, bool isJson)
    {
        _bar.Dispose();
        var seconds = _watch.Elapsed.TotalSeconds;
        if (isJson)
        {
            _console.WriteJson(json =>
            {
                json.WriteNumber("lines", report.Lines);
                json.WriteNumber("answered", report.Answered);
                json.WriteNumber("failed", report.Failed);
                json.WriteNumber("done_before", report.Before);
                json.WriteNumber("seconds", Math.Round(seconds, 3));
                json.WriteString("output", files.Output);
                json.WriteString("errors", files.Errors);
            });
        }
        else
        {
            _console.Out.WriteLine(Invariant(
                $"{report.Answered} of {report.Lines} lines answered in {seconds:F1} s: {files.Output}"));
        }

        if (report.Failed > 0)
        {
            _console.Error.WriteLine(Invariant($"torchkv: {report.Failed} of {report.Lines} lines failed; ")
                + $"{files.Errors} says why. Without that file the same command runs them again.");
        }
    }

    public void Dispose() => _bar.Dispose();

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
