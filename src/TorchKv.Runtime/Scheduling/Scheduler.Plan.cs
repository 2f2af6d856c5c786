using TorchKv.Runtime.Model;
using TorchKv.Runtime.Paging;

namespace TorchKv.Runtime.Scheduling;

/// <content>The rows of the next step, within the budgets, and the blocks for them.</content>
internal sealed partial class Scheduler
{
    private readonly StepPlan _plan = new();

    // Of the plan so far: tokens in rows that decode, and sequences that may still come to decode.
    private int _decodeTokens;
    private int _decodesLeft;

    // Whether a sequence got its prompt's blocks from its leader without a row of its own. Beams of which all but one
    // did so can decode, but PlanDecodes has passed them already.
    private bool _sharesLeader;

    /// <summary>Plans the next step and reserves its blocks. The plan is good until the next call.</summary>
    public StepPlan Plan()
    {
        _plan.Clear();
        _steps++;
        var preemptions = PreemptionCount;
        bool changed;
        do
        {
            _sharesLeader = false;
            PlanDecodes();
            PlanRunningPrompts();

            // Admit() runs in any case: it may set _sharesLeader as well.
            changed = PreemptionCount == preemptions && (Admit() | _sharesLeader);
        }
        while (changed && _plan.IsEmpty);

        if (_plan.IsEmpty)
        {
            _plan.Unplaceable ??= _running.Count > 0 ? _running[^1] : _waiting.Min;
        }

        return _plan;
    }

    private int TokensLeft => Options.MaxTokensPerStep - _plan.TokenCount;

    private int LogitsLeft => Options.MaxLogitsPerStep - _plan.LogitsCount;

    private int PrefillLeft => _plan.DecodeRows == 0
        ? TokensLeft
        : Math.Min(TokensLeft, Options.PrefillTokensBesideDecodes - (_plan.TokenCount - _decodeTokens));

    private void PlanDecodes()
    {
        _decodeTokens = 0;
        _decodesLeft = RunningSequences;
        for (var i = 0; i < _running.Count; i++)
        {
            var request = _running[i];
            if (request.Lockstep && request.Sequences.Count > 1)
            {
                PlanLockstep(request);
            }
            else
            {
                foreach (var sequence in request.Sequences)
                {
                    if (sequence.IsFinished)
                    {
                        continue;
                    }

                    _decodesLeft--;
                    if (IsDecoding(sequence) && !TryPlanDecode(sequence))
                    {
                        break;
                    }
                }
            }

            if (request.State != RequestState.Running)
            {
                // It preempted itself, which only the last in rank does.
                break;
            }
        }
    }

    /// <summary>Whether one token's computation gives a sequence its next one.</summary>
    public static bool IsDecoding(Sequence sequence) =>
        !sequence.IsFinished && sequence.Pending == 1 && sequence.CommittedCount > sequence.Request.PromptLength;

    private bool TryPlanDecode(Sequence sequence)
    {
        if (TokensLeft < 1 || LogitsLeft < 1)
        {
            return false;
        }

        // A draft must not take the place of a sequence that decodes, nor a block that another request holds.
        var drafts = Math.Clamp(Math.Min(TokensLeft, LogitsLeft) - 1 - _decodesLeft, 0, sequence.DraftCount);
        sequence.KeepDrafts(_blocks.AvailableCount < _blocks.Needed(sequence.Blocks, 1 + drafts) ? 0 : drafts);
        var count = 1 + sequence.DraftCount;
        if (!TryReserve(sequence, count))
        {
            Preempt(sequence.Request);
            return false;
        }

        AddRow(sequence, count, sequence.DraftCount > 0 ? LogitsWanted.All : LogitsWanted.Last, decode: true);
        return true;
    }

    private void PlanLockstep(Request request)
    {
        var live = 0;
        foreach (var sequence in request.Sequences)
        {
            if (!sequence.IsFinished)
            {
                if (!IsDecoding(sequence))
                {
                    return;
                }

                live++;
            }
        }

        if (TokensLeft < live || LogitsLeft < live)
        {
            return;
        }

        foreach (var sequence in request.Sequences)
        {
            if (sequence.IsFinished)
            {
                continue;
            }

            if (!TryReserve(sequence, 1))
            {
                Preempt(request);
                return;
            }

            AddRow(sequence, 1, LogitsWanted.Last, decode: true);
        }
    }

    private void PlanRunningPrompts()
    {
        for (var i = 0; i < _running.Count && PrefillLeft > 0; i++)
        {
            var request = _running[i];
            for (var s = 0; s < request.Sequences.Count && request.State == RequestState.Running; s++)
            {
                var sequence = request.Sequences[s];
                if (!sequence.IsFinished && !IsDecoding(sequence) && sequence.Pending > 0)
                {
                    PlanPrompt(sequence);
                }
            }
        }
    }

    /// <summary>Plans the next piece of a prompt, or of what a preempted sequence has to compute again.</summary>
    private bool PlanPrompt(Sequence sequence)
    {
        var request = sequence.Request;
        if (sequence.Table.TokenCount == 0
            && request.Leader is { } leader
            && leader != sequence
            && !TryShareWithLeader(sequence, leader))
        {
            return false;
        }

        // A beam stops one short, so that all beams take their last token in one step.
        var wanted = sequence.Pending - (request.Lockstep && request.Sequences.Count > 1 ? 1 : 0);
        var count = Math.Min(wanted, PrefillLeft);
        if (count <= 0)
        {
            return false;
        }

        var position = sequence.Table.TokenCount;
        var logits = position + count == sequence.CommittedCount ? LogitsWanted.Last : LogitsWanted.None;
        if (request.ScoresPrompt && position + count > request.ScoredCount && position < request.PromptLength)
        {
            // Logits of every position: the piece is as long as the logits buffer allows, and ends with the prompt.
            count = Math.Min(count, Math.Min(LogitsLeft, request.PromptLength - position));
            logits = LogitsWanted.All;
        }
        else if (logits == LogitsWanted.Last && LogitsLeft == 0)
        {
            count--;
            logits = LogitsWanted.None;
        }

        if (count <= 0 || !TryReserve(sequence, count))
        {
            return false;
        }

        AddRow(sequence, count, logits, decode: false);
        return true;
    }

    /// <summary>
    /// Gives a sequence the blocks of its request's prompt, which the leader has; false where it does not have all of
    /// them yet.
    /// </summary>
    private bool TryShareWithLeader(Sequence sequence, Sequence leader)
    {
        var shared = Math.Min(sequence.Request.PromptLength, sequence.CommittedCount - 1);
        if (leader.Table.TokenCount < shared)
        {
            return false;
        }

        _sharesLeader = true;

        // The prompt's blocks are the leader's and no others, though the index may have the same in another block: a
        // request was admitted with its prompt counted once.
        if (_blocks.FindsPrefixes)
        {
            _blocks.Share(sequence.Blocks, leader.Blocks, shared - (shared % _blocks.BlockSize));
            _blocks.Adopt(sequence.Blocks, sequence.Committed, int.MaxValue);
            if (sequence.Table.TokenCount >= shared)
            {
                return true;
            }
        }

        _blocks.Share(sequence.Blocks, leader.Blocks, shared);
        return true;
    }

    private bool TryReserve(Sequence sequence, int count)
    {
        BlockCopy? copy;
        while (!_blocks.TryReserve(sequence.Blocks, count, out copy))
        {
            if (TryReclaim(sequence.Request))
            {
                continue;
            }

            var last = _running[^1];
            if (last == sequence.Request)
            {
                _plan.Unplaceable = _running.Count == 1 ? last : null;
                return false;
            }

            Preempt(last);
        }

        if (copy is { } made)
        {
            _plan.Copies.Add((sequence, made));
        }

        return true;
    }

    private void AddRow(Sequence sequence, int count, LogitsWanted logits, bool decode)
    {
        var row = new PlannedRow(sequence, sequence.Table.TokenCount, count, logits);
        _plan.Rows.Add(row);
        _plan.TokenCount += count;
        _plan.LogitsCount += row.LogitsCount;
        if (decode)
        {
            _plan.DecodeRows++;
            _decodeTokens += count;
        }
    }
}
