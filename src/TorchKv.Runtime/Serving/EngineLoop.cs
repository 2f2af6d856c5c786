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

    /// <summary>Queues a request, or refuses it and changes nothing.</summary>
    /// <param name="prompt">The prompt's tokens; never written.</param>
    /// <param name="options">What to generate; validated, and not shared with the caller.</param>
    /// <param name="session">The session that the request is a turn of; null: none.</param>
    /// <exception cref="QueueFullException">Too many requests wait.</exception>
    /// <exception cref="EngineClosedException">The engine has stopped.</exception>
    public GenerationRequest Submit(int[] prompt, GenerationOptions options, SessionState? session)
    {
        var request = new GenerationRequest(prompt, options, session, _parts);
        request.BeginTime(_parts.Time);
        _mailbox.Submit(() => _parts.Lifetimes.StartRequest(request), () => _parts.Lifetimes.KeepUnstarted(request));
        return request;
    }

    /// <summary>Ends a request. Where no other request takes part in the running step, that step ends early.</summary>
    public void Cancel(GenerationRequest request)
    {
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
