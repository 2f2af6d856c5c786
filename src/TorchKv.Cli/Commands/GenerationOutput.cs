using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using TorchKv.Cli.CommandLine;
using TorchKv.Cli.Models;
using TorchKv.Cli.Terminal;
using TorchKv.Runtime.Contracts;

namespace TorchKv.Cli.Commands;

/// <summary>What <c>generate</c> shows: text as it comes, or JSON at the end; for a batch, its answers in order.</summary>
internal sealed class GenerationOutput
{
    private readonly CliConsole _console;
    private readonly ILanguageModel _model;
    private readonly IReadOnlyList<int[]> _prompts;
    private readonly bool _isBatch;
    private readonly bool _json;
    private readonly TimeSpan _load;
    private readonly Answer[] _answers;
    private readonly long _start = Stopwatch.GetTimestamp();
    private WordWrap? _wrap;
    private TimeSpan? _first;

    public GenerationOutput(CliConsole console, ILanguageModel model, IReadOnlyList<int[]> prompts, bool isBatch, bool json, TimeSpan load)
    {
        (_console, _model, _prompts, _isBatch, _json, _load) = (console, model, prompts, isBatch, json, load);
        _answers = [.. prompts.Select(_ => new Answer())];
    }

    /// <summary>Whether text waits for the end, because something else is drawn meanwhile.</summary>
    public bool IsHeldBack { get; init; }

    private bool IsStreamed => !_json && !_isBatch && !IsHeldBack;

    public void Add(GeneratedPiece piece)
    {
        var answer = _answers[piece.Row];
        if (piece.TokenIds.Count > 0)
        {
            _first ??= Stopwatch.GetElapsedTime(_start);
        }

        if (IsStreamed)
        {
            if (_model.Tokenizer is { } tokenizer)
            {
                if (_console.OutIsTerminal && _wrap is null)
                {
                    // In a terminal the story reads as a whole, its lines broken between words; in a pipe the new text alone is the answer.
                    _wrap = new WordWrap(_console.Out, _console.Width);
                    _wrap.Write(tokenizer.Decode(_prompts[0]));
                }

                if (_wrap is not null)
                {
                    _wrap.Write(piece.Text);
                }
                else
                {
                    _console.Out.Write(piece.Text);
                }
            }
            else
            {
                foreach (var id in piece.TokenIds)
                {
                    _console.Out.Write(answer.Ids.Count == 0 ? "" : " ");
                    _console.Out.Write(id.ToString(CultureInfo.InvariantCulture));
                    answer.Ids.Add(id);
                }
            }

            _console.Out.Flush();
        }

        if (!IsStreamed || _model.Tokenizer is not null)
        {
            answer.Ids.AddRange(piece.TokenIds);
        }

        answer.Text.Append(piece.Text);
        answer.FinishReason = piece.FinishReason ?? answer.FinishReason;
        answer.Usage = piece.Usage ?? answer.Usage;
    }

    public void Finish()
    {
        var total = Stopwatch.GetElapsedTime(_start);
        if (IsStreamed)
        {
            _wrap?.Finish();
            if (_wrap is null)
            {
                _console.Out.WriteLine();
            }

            _console.Out.Flush();
        }

        for (var row = 0; row < _answers.Length && !IsStreamed; row++)
        {
            var answer = _answers[row];
            if (_json)
            {
                WriteJson(row, answer.Ids, Text(answer), answer.FinishReason, total, null);
            }
            else
            {
                WriteHeader(row);
                WriteText(_model.Tokenizer is null ? string.Join(' ', answer.Ids) : Text(answer));
            }
        }

        _console.Out.Flush();
        WriteSummary(_answers.Sum(answer => answer.Ids.Count), total);
    }

    public void WriteBeams(int row, IReadOnlyList<BeamResult> beams, TimeSpan elapsed)
    {
        _first = null;
        if (_json)
        {
            WriteJson(row, beams[0].Ids, beams[0].Text ?? "", beams[0].FinishReason, elapsed, beams);
            return;
        }

        WriteHeader(row);
        var style = _console.OutStyle;
        foreach (var beam in beams)
        {
            var text = beam.Text ?? string.Join(' ', beam.Ids);
            _console.Out.WriteLine(beams.Count > 1 ? $"{style.Cyan(beam.Score.ToString("F4", CultureInfo.InvariantCulture))}  {text}" : text);
        }

        _console.Out.Flush();
        WriteSummary(beams[0].Ids.Count, elapsed);
    }

    private static string Text(Answer answer) => answer.Text.ToString();

    private void WriteText(string text)
    {
        if (!_console.OutIsTerminal)
        {
            _console.Out.WriteLine(text);
            return;
        }

        var wrap = new WordWrap(_console.Out, _console.Width);
        wrap.Write(text);
        wrap.Finish();
    }

    private void WriteHeader(int row)
    {
        if (_isBatch)
        {
            // As head and tail set files apart.
            _console.Out.WriteLine(_console.OutStyle.Cyan($"{(row > 0 ? "\n" : "")}==> prompt {row + 1} <=="));
        }
    }

    private void WriteSummary(int tokens, TimeSpan total)
    {
        if (!_console.ErrorIsTerminal)
        {
            return;
        }

        var (cache, style) = (_model.Cache, _console.ErrorStyle);
        var first = _first is { } time ? string.Create(CultureInfo.InvariantCulture, $", the first after {time.TotalMilliseconds:F0} ms") : "";
        _console.Error.WriteLine(style.Dim(string.Create(CultureInfo.InvariantCulture, $"{tokens} tokens in {total.TotalSeconds:F2} s ({tokens / total.TotalSeconds:F0}/s{first})")));
        if (cache.Bytes > 0)
        {
            _console.Error.WriteLine(style.Dim(string.Create(CultureInfo.InvariantCulture, $"{cache.Kind} cache: {cache.Tokens} of {cache.Capacity} tokens, {ByteSize.Format(cache.Bytes)}")));
        }

        _console.Error.WriteLine(_console.ErrorStyle.Dim(_model.Description));
    }

    private void WriteJson(int row, IReadOnlyList<int> ids, string text, FinishReason? reason, TimeSpan total, IReadOnlyList<BeamResult>? beams)
    {
        // A batch's rows share their passes, so they share its timings.
        var prefill = _first ?? total;
        var decode = total - prefill;
        var generated = beams is null ? _answers.Sum(answer => answer.Ids.Count) : ids.Count;
        var decoded = Math.Max(0, generated - (beams is null ? _answers.Length : 1));
        _console.WriteJson(writer =>
        {
            WriteIds(writer, "prompt_ids", _prompts[row]);
            WriteIds(writer, "ids", ids);
            writer.WriteString("text", text);
            writer.WriteString("finish_reason", reason is FinishReason.Stop ? "stop" : "length");
            writer.WriteStartObject("usage");
            writer.WriteNumber("prompt_tokens", _prompts[row].Length);
            writer.WriteNumber("completion_tokens", ids.Count);
            writer.WriteEndObject();
            writer.WriteStartObject("timings");
            Milliseconds(writer, "load_ms", _load);
            Milliseconds(writer, "prefill_ms", prefill);
            Milliseconds(writer, "decode_ms", decode);
            writer.WriteNumber("decode_tokens_per_second", Math.Round(decode > TimeSpan.Zero ? decoded / decode.TotalSeconds : 0, 2));
            writer.WriteEndObject();
            var cache = _model.Cache;
            writer.WriteStartObject("cache");
            writer.WriteString("kind", cache.Kind);
            writer.WriteNumber("tokens", cache.Tokens);
            writer.WriteNumber("capacity", cache.Capacity);
            writer.WriteNumber("bytes", cache.Bytes);
            writer.WriteEndObject();
            if (beams is not null)
            {
                writer.WriteStartArray("sequences");
                foreach (var beam in beams)
                {
                    writer.WriteStartObject();
                    WriteIds(writer, "ids", beam.Ids);
                    writer.WriteString("text", beam.Text ?? "");
                    writer.WriteNumber("score", beam.Score);
                    writer.WriteEndObject();
                }

                writer.WriteEndArray();
            }
        });
    }

    private static void WriteIds(Utf8JsonWriter writer, string name, IReadOnlyList<int> ids)
    {
        writer.WriteStartArray(name);
        foreach (var id in ids)
        {
            writer.WriteNumberValue(id);
        }

        writer.WriteEndArray();
    }

    private static void Milliseconds(Utf8JsonWriter writer, string name, TimeSpan time) =>
        writer.WriteNumber(name, Math.Round(time.TotalMilliseconds, 3));

    private sealed class Answer
    {
        public List<int> Ids { get; } = [];

        public StringBuilder Text { get; } = new();

        public FinishReason? FinishReason { get; set; }

        public Usage? Usage { get; set; }
    }
}
