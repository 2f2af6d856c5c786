using System.Diagnostics;
using TorchKv.Runtime.Contracts;
using TorchKv.Runtime.Model;
using TorchKv.Runtime.Scheduling;
using TorchKv.Runtime.Serving.Sessions;
using TorchKv.Runtime.Text;

namespace TorchKv.Runtime.Serving;

/// <summary>
/// An engine's thread: handles messages, ends what has expired, drafts, plans a step, runs it and hands out its logits.
/// The parts of the engine belong to this thread alone; other threads leave messages.
/// </summary>
internal sealed class EngineLoop
{
    private readonly Mailbox _mailbox;
    private readonly EngineParts _parts;
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <inheritdoc cref="EngineParts(IModelRunner, Gpt2Tokenizer?, IModelRunner?, EngineOptions, Mailbox)"/>
    public EngineLoop(IModelRunner runner, Gpt2Tokenizer? tokenizer, IModelRunner? draft, EngineOptions options)
    {
        _mailbox = new Mailbox(options.Scheduling.MaxQueuedRequests);
        _parts = new EngineParts(runner, tokenizer, draft, options, _mailbox);
        new Thread(Run) { IsBackground = true, Name = "TorchKv engine" }.Start();
    }

    /// <summary>How steps are filled, within the runner's own limits.</summary>
    public SchedulingOptions Scheduling => _parts.Scheduler.Options;

    /// <summary>The statistics after the last step.</summary>
    public EngineStats Stats => _mailbox.Stats;

    /// <summary>The engine's parts; on the engine's thread alone.</summary>
    public EngineParts Parts => _parts;

    /// <summary>
    /// Queues a request, or refuses it and changes nothing. One with a constraint is queued when the constraint is
    /// prepared; until then it counts as queued and has its place.
    /// </summary>
    /// <param name="prompt">The prompt's tokens; never written.</param>
    /// <param name="options">What to generate; validated, and not shared with the caller.</param>
    /// <param name="session">The session that the request is a turn of; null: none.</param>
    /// <exception cref="QueueFullException">Too many requests wait.</exception>
    /// <exception cref="EngineClosedException">The engine has stopped.</exception>
    public GenerationRequest Submit(int[] prompt, GenerationOptions options, SessionState? session)
    {
        var request = new GenerationRequest(prompt, options, session, _parts);
        request.BeginTime(_parts.Time);
        if (options.Constraint is { } constraint)
        {
            _mailbox.Reserve();
            if (_parts.Recorder is not null)
            {
                _mailbox.TryPost(request.ShowPreparation);
            }

            _ = PrepareAsync(request, constraint);
        }
        else
        {
            _mailbox.Submit(() => Start(request), () => _parts.Lifetimes.KeepUnstarted(request));
        }

        return request;
    }

    /// <summary>Ends a request. Where no other request takes part in the running step, that step ends early.</summary>
    public void Cancel(GenerationRequest request)
    {
        request.MarkCancelled();
        _parts.Cancellation.Mark(request.Request);
        if (_mailbox.TryPost(() => EndCancelled(request)))
        {
            _parts.Cancellation.EndMarkedStep();
        }
    }

    /// <summary>Runs something on the engine's thread between two steps.</summary>
    public Task InvokeAsync(Action action) => _mailbox.InvokeAsync(action);

    /// <inheritdoc cref="InvokeAsync(Action)"/>
    public Task<T> InvokeAsync<T>(Func<T> function) => _mailbox.InvokeAsync(function);

    /// <summary>
    /// Ends every request with <see cref="EngineClosedException"/>; done when the thread has ended and the runner is
    /// disposed.
    /// </summary>
    public Task StopAsync()
    {
        _mailbox.Close(cause: null);
        _parts.Cancellation.Stop();
        return _stopped.Task;
    }

    /// <summary>Replaces the statistics that other threads read; on the engine's thread alone.</summary>
    public EngineStats Publish()
    {
        var stats = _parts.Stats();
        _mailbox.Publish(stats);
        return stats;
    }

    private void Start(GenerationRequest request) => _parts.Lifetimes.StartRequest(request);

    /// <summary>Prepares a request's constraint, never on the engine's thread, then queues the request.</summary>
    private async Task PrepareAsync(GenerationRequest request, TokenConstraint constraint)
    {
        try
        {
            await ConstraintPreparation.RunAsync(request, constraint, _parts).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            _mailbox.GiveUpReservation();
            EndUnstarted(request, e is EngineClosedException ? _mailbox.Closed() : e);
            return;
        }

        try
        {
            _mailbox.SubmitReserved(() => Start(request), () => _parts.Lifetimes.KeepUnstarted(request));
        }
        catch (EngineClosedException e)
        {
            EndUnstarted(request, e);
        }
    }

    private void EndUnstarted(GenerationRequest request, Exception error)
    {
        if (!_mailbox.TryPost(() => _parts.Lifetimes.EndUnstarted(request, error)))
        {
            request.Stream.Complete(error);
        }
    }

    private void Run()
    {
        try
        {
            while (_mailbox.HandleMessages(wait: !_parts.Lifetimes.HasRequests))
            {
                _parts.Lifetimes.EndExpired(_parts.Time.GetTimestamp());
                Step();
                Publish();
            }
        }
        catch (Exception e)
        {
            // A defect of the engine itself: its state cannot be trusted any more, but every reader still gets an end.
            _mailbox.Close(e);
        }

        Close();
    }

    private void Step()
    {
        var started = Stopwatch.GetTimestamp();
        _parts.Drafter.Draft(_parts.Scheduler.Running, _parts.Cancellation.Stopping);
        var plan = _parts.Scheduler.Plan();
        NoteAdmissions();
        _parts.Counters.SchedulingTime += Stopwatch.GetElapsedTime(started);
        plan.Unplaceable?.Output.Fail(
            new InvalidOperationException($"it could not be placed in a pool of {_parts.Blocks.Pool.Count} blocks."));
        if (!plan.IsEmpty)
        {
            _parts.Recorder?.BeginStep(plan);
            _parts.Steps.Run(plan);
            _parts.Recorder?.EndStep();
        }
    }

    private void NoteAdmissions()
    {
        var running = _parts.Scheduler.Running;
        for (var i = 0; i < running.Count; i++)
        {
            running[i].AdmittedAt ??= _parts.Time.GetTimestamp();
        }
    }

    private void EndCancelled(GenerationRequest request)
    {
        _parts.Cancellation.Unmark(request.Request);
        _parts.Lifetimes.Cancel(request);
    }

    private void Close()
    {
        try
        {
            _parts.Cancellation.Stop();
            _mailbox.RefuseMessages();
            _parts.Lifetimes.EndAll(_mailbox.Closed());
            _parts.Sessions.ReleaseAll();
            Publish();
            _parts.Dispose();
            _stopped.TrySetResult();
        }
        catch (Exception e)
        {
            _stopped.TrySetException(e);
        }
    }
}
