using System.Globalization;
using System.Text;
using TorchKv.Runtime;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Serving;

namespace TorchKv.Cli.Terminal;

/// <summary>
/// The engine's pool of KV blocks while several prompts run, drawn on standard error again and again in the same place.
/// Where that is no terminal, one line at the end.
/// </summary>
internal sealed class PoolDrawing : IDisposable
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(60);

    private readonly CliConsole _console;
    private readonly Engine _engine;
    private readonly int[] _rows;
    private readonly Timer? _timer;
    private readonly Lock _drawing = new();

    // Under its own lock: a reader must not wait while a picture waits for the step.
    private readonly PromptState[] _prompts;
    private readonly int[] _unfinishedAnswers;
    private int _drawnLines;
    private bool _ended;

    /// <summary>Begins to draw.</summary>
    /// <param name="console">Where.</param>
    /// <param name="engine">Whose pool; it must not have had a request yet.</param>
    /// <param name="prompts">What is going to be submitted, in this order.</param>
    /// <param name="answersPerPrompt">Samples or beams that answer each prompt.</param>
    public PoolDrawing(CliConsole console, Engine engine, IReadOnlyList<int[]> prompts, int answersPerPrompt)
    {
        (_console, _engine) = (console, engine);
        _unfinishedAnswers = [.. prompts.Select(_ => answersPerPrompt)];
        _prompts = [.. prompts.Select(prompt => new PromptState(prompt.Length, 0, false))];

        // A prompt that fills the context is answered without a request.
        _rows = [.. Enumerable.Range(0, prompts.Count).Where(row => prompts[row].Length < engine.Model.ContextLength)];
        if (console.ErrorIsTerminal)
        {
            _timer = new Timer(_ => Draw(), null, TimeSpan.Zero, s_interval);
        }
    }

    /// <summary>Takes note of a piece of the answer to one prompt.</summary>
    public void Add(int prompt, GeneratedPiece piece)
    {
        lock (_prompts)
        {
            // Samples and beams share their prompt's line
            _unfinishedAnswers[prompt] -= piece.FinishReason is null ? 0 : 1;
            ref var state = ref _prompts[prompt];
            state = state with
            {
                Generated = state.Generated + piece.TokenIds.Count,
                IsDone = _unfinishedAnswers[prompt] <= 0,
            };
        }
    }

    public void Dispose()
    {
        lock (_drawing)
        {
            if (_ended)
            {
                return;
            }

            _ended = true;
            _timer?.Dispose();
            if (_console.ErrorIsTerminal)
            {
                DrawNow();
            }
            else
            {
                _console.Error.WriteLine(PoolBar.Line(_engine.Stats, default));
            }
        }
    }

    private void Draw()
    {
        // While one picture still waits for its step the next is left out.
        if (!_drawing.TryEnter())
        {
            return;
        }

        try
        {
            if (!_ended)
            {
                DrawNow();
            }
        }
        finally
        {
            _drawing.Exit();
        }
    }

    private void DrawNow()
    {
        EngineSnapshot snapshot;
        try
        {
            snapshot = _engine.SnapshotAsync().GetAwaiter().GetResult();
        }
        catch (EngineClosedException)
        {
            // The requests' readers say why.
            return;
        }

        PromptState[] prompts;
        lock (_prompts)
        {
            prompts = [.. _prompts];
        }

        var (columns, height) = _console.Size();
        var lines = PoolFrame.Lines(
            snapshot,
            prompts,
            request => request < _rows.Length ? _rows[request] : -1,
            columns,
            height,
            _console.ErrorStyle.Enabled);
        var frame = new StringBuilder();
        if (_drawnLines > 0)
        {
            frame.Append(CultureInfo.InvariantCulture, $"\e[{_drawnLines}A");
        }

        foreach (var line in lines)
        {
            frame.Append("\r\e[2K").Append(line).Append('\n');
        }

        // What a longer picture left below goes too.
        frame.Append("\e[J");
        _drawnLines = lines.Count;
        _console.Error.Write(frame.ToString());
    }
}
