using System.Diagnostics;
using System.Globalization;

namespace TorchKv.Cli.Terminal;

/// <summary>
/// One line on standard error that fills up while something runs; nothing at all where that is no terminal.
/// </summary>
internal sealed class ProgressLine : IDisposable
{
    private const int BarWidth = 30;
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(80);
    private readonly CliConsole _console;
    private readonly string _title;
    private readonly long _total;
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private TimeSpan _nextDraw;
    private bool _drawn;

    public ProgressLine(CliConsole console, string title, long total)
    {
        _console = console;
        _title = title;
        _total = Math.Max(1, total);
        Report(0);
    }

    public void Report(long done, string note = "")
    {
        if (!_console.ErrorIsTerminal || (_watch.Elapsed < _nextDraw && done < _total))
        {
            return;
        }

        _nextDraw = _watch.Elapsed + s_interval;
        var share = Math.Clamp((double)done / _total, 0, 1);
        var filled = (int)(share * BarWidth);
        var style = _console.ErrorStyle;
        var left = done > 0 && share < 1 ? $" {Remaining(_watch.Elapsed * ((1 - share) / share))} left" : "";
        var tail = string.Create(
            CultureInfo.InvariantCulture, $" {share * 100,3:F0} %{left}{(note.Length > 0 ? " · " + note : "")}");
        var room = Math.Max(0, _console.Width - 1 - _title.Length - BarWidth - 2);
        tail = tail.Length > room ? tail[..room] : tail;
        _console.Error.Write(
            $"\r\e[2K{_title} "
            + $"{style.Cyan(new string('━', filled))}{style.Dim(new string('─', BarWidth - filled))}{tail}");
        _drawn = true;
    }

    public void Dispose()
    {
        if (_drawn)
        {
            _console.Error.Write("\r\e[2K");
        }
    }

    private static string Remaining(TimeSpan time) => time.TotalSeconds < 100
        ? string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(time.TotalSeconds):F0} s")
        : string.Create(CultureInfo.InvariantCulture, $"{time.TotalMinutes:F0} min");
}
