using System.Diagnostics;
using System.Globalization;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Models;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Text;

namespace TorchKv.Cli.Commands;

/// <summary>
/// Shows the answers of <c>generate</c>: text while it is generated, or JSON at the end. The answers of a batch come in
/// the order of its prompts.
/// </summary>
internal sealed class GenerationOutput
{
    private readonly CliConsole _console;
    private readonly Gpt2Tokenizer? _tokenizer;
    private readonly string _description;
    private readonly IReadOnlyList<int[]> _prompts;
    private readonly GenerationFormat _format;
    private readonly TimeSpan _load;
    private readonly Answer[][] _answers;
    private readonly long _start = Stopwatch.GetTimestamp();
    private WordWrap? _wrap;
    private bool _hasBegun;
    private TimeSpan? _first;

    /// <param name="console">Where.</param>
    /// <param name="tokenizer">Null: ids are shown instead of text.</param>
    /// <param name="description">Model, runner, device and dtype, in words.</param>
    /// <param name="prompts">The prompts' ids.</param>
    /// <param name="format">How answers are shown.</param>
    /// <param name="load">How long loading took.</param>
    public GenerationOutput(
        CliConsole console,
        Gpt2Tokenizer? tokenizer,
        string description,
        IReadOnlyList<int[]> prompts,
        GenerationFormat format,
        TimeSpan load)
    {
        (_console, _tokenizer, _description) = (console, tokenizer, description);
        (_prompts, _format, _load) = (prompts, format, load);
        _answers = [.. prompts.Select(
            prompt => Enumerable.Range(0, format.AnswersPerPrompt).Select(
                _ => new Answer(format.Echoes && tokenizer is not null ? tokenizer.Decode(prompt) : "")).ToArray())];
    }

    public void Add(PromptPiece from)
    {
        var (prompt, piece) = from;
        if (piece.TokenIds.Count > 0)
        {
            _first ??= Stopwatch.GetElapsedTime(_start);
        }

        var answer = _answers[prompt][piece.Row];
        if (_format.IsStreamed)
        {
            Stream(answer, piece);
        }

        answer.Add(piece);
    }

    /// <summary>Shows what has not been shown yet, and a summary on a terminal.</summary>
    /// <param name="cache">The cache that the generation took.</param>
    public void Finish(CacheReport cache)
    {
        var total = Stopwatch.GetElapsedTime(_start);
        if (_format.IsJson)
        {
            // The rows of a batch share their passes, so they share its timings
            var tokens = _answers.Sum(answers => answers.Sum(answer => answer.Ids.Count));
            var timings = new GenerationTimings(
                _load, _first ?? total, total, tokens - _answers.Sum(answers => answers.Length));
            for (var prompt = 0; prompt < _answers.Length; prompt++)
            {
                GenerationJson.Write(_console, _prompts[prompt], _answers[prompt], _format, timings, cache);
            }
        }
        else if (_format.IsStreamed)
        {
            FinishStream();
        }
        else
        {
            WriteTexts();
        }

        _console.Out.Flush();
        WriteSummary(cache, total);
    }

    private void Stream(Answer answer, GeneratedPiece piece)
    {
        if (_tokenizer is null)
        {
            foreach (var (id, i) in piece.TokenIds.Select((id, i) => (id, i)))
            {
                _console.Out.Write(answer.Ids.Count + i == 0 ? "" : " ");
                _console.Out.Write(id.ToString(CultureInfo.InvariantCulture));
            }
        }
        else if (_console.OutIsTerminal)
        {
            // In a terminal the story reads as a whole, its lines broken between words; in a pipe the new text alone is
            // the answer
            if (_wrap is null)
            {
                _wrap = new WordWrap(_console.Out, _console.Width);
                _wrap.Write(_tokenizer.Decode(_prompts[0]));
            }

            _wrap.Write(piece.Text);
        }
        else
        {
            _console.Out.Write((_hasBegun ? "" : answer.Text) + piece.Text);
            _hasBegun = true;
        }

        _console.Out.Flush();
    }

    private void FinishStream()
    {
        _wrap?.Finish();
        if (_wrap is null)
        {
            _console.Out.WriteLine();
        }
    }

    private void WriteTexts()
    {
        for (var prompt = 0; prompt < _answers.Length; prompt++)
        {
            for (var row = 0; row < _answers[prompt].Length; row++)
            {
                WriteHeading(prompt, row);
                WriteText(_answers[prompt][row]);
            }
        }
    }

    private void WriteText(Answer answer)
    {
        var text = _tokenizer is null ? string.Join(' ', answer.Ids) : answer.Text;
        if (answer.Score is { } score && _format.AnswersPerPrompt > 1)
        {
            _console.Out.WriteLine(
                $"{_console.OutStyle.Cyan(score.ToString("F4", CultureInfo.InvariantCulture))}  {text}");
        }
        else if (answer.Score is null && _console.OutIsTerminal)
        {
            var wrap = new WordWrap(_console.Out, _console.Width);
            wrap.Write(text);
            wrap.Finish();
        }
        else
        {
            _console.Out.WriteLine(text);
        }
    }

    // As head and tail set files apart
    private void WriteHeading(int prompt, int row)
    {
        List<string> parts = [];
        if (_format.IsBatch && (row == 0 || _format.Options.Samples > 1))
        {
            parts.Add($"prompt {prompt + 1}");
        }

        if (_format.Options.Samples > 1)
        {
            parts.Add($"sample {row + 1}");
        }

        if (parts.Count > 0)
        {
            _console.Out.WriteLine(
                _console.OutStyle.Cyan($"{(prompt + row > 0 ? "\n" : "")}==> {string.Join(", ", parts)} <=="));
        }
    }

    private void WriteSummary(CacheReport cache, TimeSpan total)
    {
        if (!_console.ErrorIsTerminal)
        {
            return;
        }

        var style = _console.ErrorStyle;
        var tokens = _answers.Sum(answers => answers.Sum(answer => answer.Ids.Count));
        var first = _first is { } time
            ? string.Create(CultureInfo.InvariantCulture, $", the first after {time.TotalMilliseconds:F0} ms")
            : "";
        Say($"{tokens} tokens in {total.TotalSeconds:F2} s ({tokens / total.TotalSeconds:F0}/s{first})");
        if (cache.Bytes > 0)
        {
            Say($"{cache.Kind} cache: {cache.Tokens} of {cache.Capacity} tokens, {ByteSize.Format(cache.Bytes)}");
        }

        Say($"{_description}");

        void Say(FormattableString text) => _console.Error.WriteLine(style.Dim(FormattableString.Invariant(text)));
    }
}
