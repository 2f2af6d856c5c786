using System.Diagnostics;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Scheduling;

namespace TorchKv.Runtime.Serving;

/// <content>Running a plan.</content>
internal sealed partial class EngineLoop
{
    private void Execute(StepPlan plan)
    {
        var failed = MakeCopies(plan);
        var count = 0;
        if (plan.Rows.Count > _rows.Length)
        {
            Array.Resize(ref _rows, plan.Rows.Count * 2);
            Array.Resize(ref _planned, plan.Rows.Count * 2);
        }

        foreach (var row in plan.Rows)
        {
            if (failed is null || !failed.Contains(row.Sequence.Request))
            {
                _planned[count++] = row;
            }
        }

        if (RunRows(_planned.AsSpan(0, count)) is not { } error)
        {
            Process(_planned.AsSpan(0, count));
            return;
        }

        if (_stop.IsCancellationRequested)
        {
            return;
        }

        RunOneByOne(_planned.AsSpan(0, count).ToArray(), error);
    }

    /// <summary>Makes the plan's copies; a request whose copy fails ends, and nobody else.</summary>
    private HashSet<ScheduledRequest>? MakeCopies(StepPlan plan)
    {
        HashSet<ScheduledRequest>? failed = null;
        foreach (var (owner, copy) in plan.Copies)
        {
            try
            {
                _runner.CopyBlock(copy.Source, copy.Destination);
            }
            catch (Exception e)
            {
                (failed ??= []).Add(owner.Request);
                owner.DropFrom(copy.Destination);
                if (_live.Contains((GenerationRequest)owner.Request))
                {
                    EndRequest((GenerationRequest)owner.Request, Failure(e));
                }
            }
        }

        return failed;
    }

    /// <summary>Runs rows as one step; gives back what it threw. A step that threw has changed nothing but the rows' own new tokens.</summary>
    private Exception? RunRows(ReadOnlySpan<PlannedRow> planned)
    {
        var logits = 0;
        var tokens = 0;
        for (var i = 0; i < planned.Length; i++)
        {
            _rows[i] = planned[i].ToRunnerRow();
            logits += planned[i].LogitsCount;
            tokens += planned[i].Count;
        }

        var floats = checked(logits * _runner.Model.VocabSize);
        if (_logits.Length < floats)
        {
            _logits = GC.AllocateUninitializedArray<float>((int)Math.Min(Array.MaxLength, Math.Max(floats, _logits.Length * 2L)));
        }

        var started = Stopwatch.GetTimestamp();
        try
        {
            if (planned.Length > 0)
            {
                var began = _options.TimeProvider.GetTimestamp();
                _runner.Step(_rows.AsSpan(0, planned.Length), _logits.AsSpan(0, floats), _stop.Token);
                if (logits == tokens)
                {
                    _times.Note(tokens, Seconds(_options.TimeProvider.GetTimestamp() - began));
                }
            }

            return null;
        }
        catch (Exception e)
        {
            return e;
        }
        finally
        {
            _totals = _totals with
            {
                Steps = _totals.Steps + 1,
                ComputedTokens = _totals.ComputedTokens + tokens,
                RunnerTime = _totals.RunnerTime + Stopwatch.GetElapsedTime(started),
            };
        }
    }

    /// <summary>After a step that threw: each request's rows by themselves, so that only the one at fault ends.</summary>
    private void RunOneByOne(PlannedRow[] planned, Exception error)
    {
        foreach (var rows in planned.GroupBy(row => row.Sequence.Request, (_, rows) => rows.ToArray()).ToArray())
        {
            if (rows.Length < planned.Length)
            {
                error = RunRows(rows)!;
            }

            if (_stop.IsCancellationRequested)
            {
                return;
            }

            if (error is null)
            {
                Process(rows);
            }
            else
            {
                EndRequest((GenerationRequest)rows[0].Sequence.Request, Failure(error));
            }
        }
    }

    private static RequestFailedException Failure(Exception cause) => new("The request's computation failed: " + cause.Message, cause);
}
