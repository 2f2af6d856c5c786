using TorchKv.Runtime.Contracts;
using TorchKv.Server.Telemetry;

namespace TorchKv.Server.Metrics;

/// <summary>Measures one HTTP request's generations: each prompt counts as a request of the engine.</summary>
/// <remarks>Belongs to one request; not thread-safe.</remarks>
internal sealed class GenerationMeter
{
    private readonly ServerMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly int _samples;
    private readonly long _start;
    private readonly PromptMeter[] _prompts;
    private readonly GenerationSpan _span;
    private bool _isEnded;

    /// <summary>Begins to measure.</summary>
    /// <param name="metrics">Where it counts.</param>
    /// <param name="time">What it measures by.</param>
    /// <param name="prompts">Number of prompts.</param>
    /// <param name="samples">Answers to each prompt.</param>
    /// <param name="maxTokens">Tokens asked for, for each answer.</param>
    /// <param name="span">The request's span, which gets the same times.</param>
    public GenerationMeter(
        ServerMetrics metrics,
        TimeProvider time,
        int prompts,
        int samples,
        int maxTokens,
        GenerationSpan span)
    {
        _metrics = metrics;
        _time = time;
        _samples = samples;
        _span = span;
        _start = time.GetTimestamp();
        _prompts = new PromptMeter[prompts];
        for (var i = 0; i < prompts; i++)
        {
            _prompts[i] = new PromptMeter { LastTokenAt = new long[samples] };
            metrics.ParamsN.Observe(samples);
            metrics.ParamsMaxTokens.Observe(maxTokens);
        }
    }

    private sealed class PromptMeter
    {
        public required long[] LastTokenAt { get; init; }

        public long FirstTokenAt { get; set; }

        public int Finished { get; set; }

        public int Tokens { get; set; }

        public int LongestAnswer { get; set; }

        public bool IsDone { get; set; }
    }

    /// <summary>Counts a piece.</summary>
    public void Take(int prompt, GeneratedPiece piece)
    {
        var meter = _prompts[prompt];
        var now = _time.GetTimestamp();
        if (piece.TokenIds.Count > 0)
        {
            ref var last = ref meter.LastTokenAt[piece.Row];
            if (meter.FirstTokenAt == 0)
            {
                meter.FirstTokenAt = now;
                _metrics.TimeToFirstToken.Observe(Seconds(_start, now));
                _span.FirstToken(Seconds(_start, now));
            }
            else if (last != 0)
            {
                _metrics.InterTokenLatency.Observe(Seconds(last, now));
            }

            last = now;
        }

        if (piece.FinishReason is { } reason)
        {
            var usage = piece.Usage ?? default;
            meter.Tokens += usage.CompletionTokens;
            meter.LongestAnswer = Math.Max(meter.LongestAnswer, usage.CompletionTokens);
            if (++meter.Finished == _samples)
            {
                Finish(meter, piece, usage, now);
                _metrics.Finished.Add(reason == FinishReason.Length ? ServerMetrics.Length : ServerMetrics.Stop);
            }
        }
    }

    /// <summary>Ends what has not ended by itself.</summary>
    /// <param name="reason">
    /// abort where the client or the server left, error where something failed; null: all has ended by itself.
    /// </param>
    public void End(string? reason)
    {
        if (!_isEnded)
        {
            _isEnded = true;
            _span.End(Seconds(_start, _time.GetTimestamp()), reason);
        }

        if (reason is null)
        {
            return;
        }

        foreach (var meter in _prompts)
        {
            if (!meter.IsDone)
            {
                meter.IsDone = true;
                _metrics.Finished.Add(reason);
                _metrics.RequestDuration.Observe(Seconds(_start, _time.GetTimestamp()));
            }
        }
    }

    private void Finish(PromptMeter meter, GeneratedPiece piece, Usage usage, long now)
    {
        meter.IsDone = true;
        var total = Seconds(_start, now);
        _metrics.RequestDuration.Observe(total);
        _metrics.PromptTokens.Observe(usage.PromptTokens);
        _metrics.PrefillComputedTokens.Observe(usage.PromptTokens - usage.CachedTokens);
        _metrics.GenerationTokens.Observe(meter.Tokens);
        _metrics.MaxGenerationTokens.Observe(meter.LongestAnswer);
        if (piece.Preemptions is { } preemptions)
        {
            _metrics.Preemptions.Observe(preemptions);
        }

        if (meter.FirstTokenAt == 0)
        {
            return;
        }

        var decode = Seconds(meter.FirstTokenAt, now);
        _metrics.DecodeTime.Observe(decode);
        if (meter.LongestAnswer > 1)
        {
            _metrics.TimePerOutputToken.Observe(decode / (meter.LongestAnswer - 1));
            _span.OutputToken(decode / (meter.LongestAnswer - 1));
        }

        _span.Phases(piece.QueueTime?.TotalSeconds, total - decode, total);
        if (piece.QueueTime?.TotalSeconds is { } queue)
        {
            _metrics.QueueTime.Observe(queue);
            _metrics.PrefillTime.Observe(Math.Max(0, total - decode - queue));
            _metrics.InferenceTime.Observe(Math.Max(0, total - queue));
        }
    }

    private double Seconds(long from, long to) => _time.GetElapsedTime(from, to).TotalSeconds;
}
