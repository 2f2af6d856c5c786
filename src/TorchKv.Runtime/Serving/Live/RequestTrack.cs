using TorchKv.Runtime.Contracts.Live;
using TorchKv.Runtime.Scheduling;

namespace TorchKv.Runtime.Serving.Live;

/// <summary>What happened to one request while the engine was watched.</summary>
internal sealed class RequestTrack
{
    // A request has few spans, unless it is preempted over and over.
    private const int MaxSpans = 64;
    private readonly Request _request;
    private readonly int _tenant;
    private readonly List<LiveSpan> _spans = [];
    private LivePhase _phase = LivePhase.Queued;
    private double? _firstTokenAt;
    private double? _endedAt;
    private int _drafted;
    private int _accepted;
    private int _sentSpans;

    /// <summary>A track of a request.</summary>
    /// <param name="request">The request.</param>
    /// <param name="number">Its number.</param>
    /// <param name="tenant">The number of its salt.</param>
    /// <param name="submittedAt">When it was submitted, in milliseconds since the watch began.</param>
    public RequestTrack(Request request, long number, int tenant, double submittedAt)
    {
        _request = request;
        Number = number;
        _tenant = tenant;
        SubmittedAt = submittedAt;
    }

    /// <summary>Its number, in the order in which requests came.</summary>
    public long Number { get; }

    /// <summary>When it was submitted, in milliseconds since the watch began.</summary>
    public double SubmittedAt { get; }

    /// <summary>Whether it has changed since it was last taken.</summary>
    public bool HasChanged { get; private set; } = true;

    public bool HasEnded => _endedAt is not null;

    /// <summary>Its constraint is compiled.</summary>
    public void Prepares(double from, double now) => Extend(LivePhase.Compile, from, now, 0);

    /// <summary>It waits, for the first time or since it was preempted.</summary>
    public void Waits(double from, double now)
    {
        var phase = _request.CachedTokens < 0 ? LivePhase.Queued : LivePhase.Preempted;
        Extend(phase, from, now, 0);
    }

    /// <summary>A step computed tokens of it.</summary>
    /// <param name="phase">Prefill or decode.</param>
    /// <param name="from">When the step began.</param>
    /// <param name="now">When it ended.</param>
    /// <param name="tokens">The tokens.</param>
    public void Computed(LivePhase phase, double from, double now, int tokens)
    {
        if (_phase is LivePhase.Queued or LivePhase.Preempted)
        {
            _spans[^1] = _spans[^1] with { To = from };
        }

        Extend(phase, from, now, tokens);
        _firstTokenAt ??= Generated > 0 ? now : null;
    }

    public void CountDrafts(int drafted, int accepted)
    {
        _drafted += drafted;
        _accepted += accepted;
    }

    /// <summary>It has ended.</summary>
    public void End(LivePhase phase, double now)
    {
        _firstTokenAt ??= Generated > 0 ? now : null;
        _phase = phase;
        _endedAt = now;
        HasChanged = true;
    }

    /// <summary>The request as it is now.</summary>
    /// <param name="whole">Whether all its spans are wanted, rather than those since the last time.</param>
    public LiveRequest Take(bool whole)
    {
        var first = whole ? 0 : Math.Max(0, _sentSpans - 1);
        if (!whole)
        {
            _sentSpans = _spans.Count;
            HasChanged = false;
        }

        return new LiveRequest
        {
            Number = Number,
            Phase = _phase,
            Tenant = _tenant,
            Priority = _request.Priority,
            Sequences = _request.SequencesWanted,
            PromptTokens = _request.PromptLength,
            CachedTokens = Math.Max(0, _request.CachedTokens),
            GeneratedTokens = Generated,
            DraftedTokens = _drafted,
            AcceptedDraftTokens = _accepted,
            Preemptions = _request.Preemptions,
            SubmittedAt = SubmittedAt,
            FirstTokenAt = _firstTokenAt,
            EndedAt = _endedAt,
            FirstSpan = first,
            Spans = [.. _spans.Skip(first)],
        };
    }

    private int Generated
    {
        get
        {
            var generated = 0;
            foreach (var sequence in _request.Sequences)
            {
                generated += Math.Max(0, sequence.CommittedCount - _request.PromptLength);
            }

            return generated;
        }
    }

    /// <summary>
    /// Adds a span, or makes the last one longer. Pieces of a prompt stay apart as long as there is room.
    /// </summary>
    private void Extend(LivePhase phase, double from, double to, int tokens)
    {
        HasChanged = true;
        var isFull = _spans.Count >= MaxSpans;
        var isSame = _spans.Count > 0
            && phase == _spans[^1].Phase
            && (phase != LivePhase.Prefill || _spans[^1].From == from);
        if (_spans.Count > 0 && (isFull || isSame))
        {
            var last = _spans[^1];
            _spans[^1] = last with { Phase = phase, To = to, Tokens = last.Tokens + tokens };
        }
        else
        {
            _spans.Add(new LiveSpan(phase, from, to, tokens));
        }

        // The step in which a request ends is noted after its end.
        _phase = HasEnded ? _phase : phase;
    }
}
