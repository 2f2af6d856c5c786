using System.Diagnostics;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Speculation;

namespace TorchKv.Runtime.Serving;

/// <summary>
/// Runs plans: makes their copies, runs their rows as one step, and hands each row's logits to its request.
/// </summary>
/// <remarks>On the engine's thread. Allocates nothing in a step, but to grow its buffers and after a failure.</remarks>
internal sealed class StepRunner
{
    private readonly IModelRunner _runner;
    private readonly Scheduler _scheduler;
    private readonly Drafter _drafter;
    private readonly EngineCounters _counters;
    private readonly StepCancellation _cancellation;
    private readonly TimeProvider _time;
    private RunnerRow[] _rows = new RunnerRow[64];
    private PlannedRow[] _planned = new PlannedRow[64];
    private float[] _logits = [];

    public StepRunner(
        IModelRunner runner,
        Scheduler scheduler,
        Drafter drafter,
        EngineCounters counters,
        StepCancellation cancellation,
        TimeProvider time)
    {
        _runner = runner;
        _scheduler = scheduler;
        _drafter = drafter;
        _counters = counters;
        _cancellation = cancellation;
        _time = time;
    }

    /// <summary>Runs a plan.</summary>
    public void Run(StepPlan plan)
    {
        MakeCopies(plan);
        if (plan.Rows.Count > _rows.Length)
        {
            Array.Resize(ref _rows, plan.Rows.Count * 2);
            Array.Resize(ref _planned, plan.Rows.Count * 2);
        }

        // A failed copy has ended its request, and with it the request's rows.
        var count = 0;
        foreach (var row in plan.Rows)
        {
            if (!row.Sequence.IsFinished)
            {
                _planned[count++] = row;
            }
        }

        if (count == 0)
        {
            return;
        }

        if (RunRows(_planned, count) is not { } error)
        {
            UseLogits(_planned.AsSpan(0, count));
        }
        else if (!_cancellation.IsSignalled)
        {
            RunOneByOne(_planned.AsSpan(0, count).ToArray(), error);
        }
    }

    /// <summary>Makes the plan's copies. A failed copy ends only its own request.</summary>
    private void MakeCopies(StepPlan plan)
    {
        foreach (var (owner, copy) in plan.Copies)
        {
            if (owner.IsFinished)
            {
                continue;
            }

            try
            {
                _runner.CopyBlock(copy.Source, copy.Destination);
            }
            catch (Exception e)
            {
                _scheduler.DropCopy(owner, copy);
                owner.Request.Output.Fail(e);
            }
        }
    }

    /// <summary>
    /// Runs rows as one step and returns what it threw. A step that threw has changed nothing but the rows' own new
    /// tokens.
    /// </summary>
    private Exception? RunRows(PlannedRow[] planned, int count)
    {
        var logits = 0;
        var tokens = 0;
        for (var i = 0; i < count; i++)
        {
            _rows[i] = planned[i].ToRunnerRow();
            logits += planned[i].LogitsCount;
            tokens += planned[i].Count;
        }

        var floats = checked(logits * _runner.Model.VocabSize);
        if (_logits.Length < floats)
        {
            _logits = GC.AllocateUninitializedArray<float>(
                (int)Math.Min(Array.MaxLength, Math.Max(floats, _logits.Length * 2L)));
        }

        var cancellation = _cancellation.Begin(planned, count);
        var started = Stopwatch.GetTimestamp();
        try
        {
            var began = _time.GetTimestamp();
            _runner.Step(_rows.AsSpan(0, count), _logits.AsSpan(0, floats), cancellation);
            if (logits == tokens)
            {
                _drafter.RecordStep(tokens, _time.GetElapsedTime(began).TotalSeconds);
            }

            return null;
        }
        catch (Exception e)
        {
            return e;
        }
        finally
        {
            _cancellation.End();
            _counters.AddStep(tokens);
            _counters.RunnerTime += Stopwatch.GetElapsedTime(started);
        }
    }

    /// <summary>Counts the rows as computed, then hands each one's logits to its request.</summary>
    private void UseLogits(ReadOnlySpan<PlannedRow> planned)
    {
        var now = _time.GetTimestamp();
        foreach (ref readonly var row in planned)
        {
            _scheduler.Complete(row);
        }

        var at = 0;
        foreach (ref readonly var row in planned)
        {
            var count = row.LogitsCount * _runner.Model.VocabSize;
            if (count > 0 && !row.Sequence.IsFinished)
            {
                row.Sequence.Request.Output.Use(row, _logits.AsSpan(at, count), now);
            }

            at += count;
        }
    }

    /// <summary>
    /// After a step that threw: runs each request's rows by themselves, so that only the request at fault ends.
    /// </summary>
    private void RunOneByOne(PlannedRow[] planned, Exception error)
    {
        foreach (var rows in planned.GroupBy(row => row.Sequence.Request, (_, rows) => rows.ToArray()).ToArray())
        {
            var failure = rows.Length < planned.Length ? RunRows(rows, rows.Length) : error;
            if (failure is null)
            {
                UseLogits(rows);
            }
            else if (!_cancellation.IsSignalled)
            {
                rows[0].Sequence.Request.Output.Fail(failure);
            }
            else if (_cancellation.Stopping.IsCancellationRequested)
            {
                return;
            }
        }
    }
}
