using TorchKv.Runtime.Contracts;

namespace TorchKv.Runtime.Serving;

/// <summary>Prepares the constraint of a request that is not queued yet.</summary>
internal static class ConstraintPreparation
{
    // The longest time that a timer takes.
    private static readonly TimeSpan s_longest = TimeSpan.FromMilliseconds(uint.MaxValue - 1);

    /// <summary>
    /// Prepares a constraint on a thread of the pool and gives its matcher to the request. Ends at the latest when the
    /// request is cancelled, its deadline passes or the engine stops, whether or not the constraint looks at its token.
    /// </summary>
    /// <param name="request">The request.</param>
    /// <param name="constraint">Its constraint.</param>
    /// <param name="engine">The engine; it has a vocabulary.</param>
    /// <exception cref="OperationCanceledException">The request was cancelled.</exception>
    /// <exception cref="DeadlineExceededException">Its deadline passed.</exception>
    /// <exception cref="EngineClosedException">The engine stops.</exception>
    /// <exception cref="ConstraintException">The constraint is wrong, is not supported, or exceeds a limit.</exception>
    /// <exception cref="RequestFailedException">The preparation failed in another way.</exception>
    public static async Task RunAsync(GenerationRequest request, TokenConstraint constraint, EngineParts engine)
    {
        var deadline = request.Options.Deadline;
        using var expiry = deadline is { } time
            ? new CancellationTokenSource(time < s_longest ? time : s_longest, engine.Time)
            : new CancellationTokenSource();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(
            request.PreparationToken, engine.Cancellation.Stopping, expiry.Token);
        var token = ended.Token;
        try
        {
            var matcher = await Task.Run(() => constraint.CompileAsync(engine.Tokenizer!, token).AsTask(), token)
                .WaitAsync(token).ConfigureAwait(false);
            request.Constrain(matcher);
        }
        catch (Exception) when (engine.Cancellation.Stopping.IsCancellationRequested)
        {
            throw new EngineClosedException(null);
        }
        catch (Exception) when (request.IsCancelled)
        {
            throw new OperationCanceledException("The request was cancelled.");
        }
        catch (Exception) when (expiry.IsCancellationRequested)
        {
            throw new DeadlineExceededException(deadline!.Value, 0);
        }
        catch (Exception e) when (e is not TorchKvException)
        {
            throw new RequestFailedException("The constraint could not be prepared: " + e.Message, e);
        }
    }
}
