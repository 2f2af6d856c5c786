using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using TorchKv.Runtime.Contracts;
using TorchKv.Server.Configuration;
using TorchKv.Server.Errors;
using TorchKv.Server.Metrics;
using TorchKv.Server.Requests;
using TorchKv.Server.Resuming;
using TorchKv.Server.Running;
using TorchKv.Server.Telemetry;

namespace TorchKv.Server.Answers;

/// <summary>Runs a plan and answers with what comes: at once, piece by piece, or with an error.</summary>
internal sealed partial class AnswerRunner(
    TorchKvServerOptions options,
    Drain drain,
    ServerMetrics metrics,
    ServerTelemetry telemetry,
    TimeProvider time,
    ILogger<AnswerRunner> logger)
{
    /// <summary>Answers a request. A client that leaves ends its generations within a step.</summary>
    /// <exception cref="ApiException">The request failed before anything was sent.</exception>
    public async Task AnswerAsync(HttpContext context, GenerationPlan plan, IAnswer answer)
    {
        SetHeaders(context, plan);
        using var span = StartSpan(context, plan);
        var maxTokens = plan.Prompts[0].Options.MaxNewTokens;
        var meter = new GenerationMeter(metrics, time, plan.Prompts.Count, plan.Samples, maxTokens, span);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, drain.Cut);
        try
        {
            if (plan.IsStream)
            {
                await StreamAsync(context, plan, answer, meter, stop).ConfigureAwait(false);
            }
            else
            {
                await WholeAsync(context, plan, answer, meter, stop.Token).ConfigureAwait(false);
            }

            meter.End(reason: null);
            answer.Describe(span);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            meter.End(ServerMetrics.Abort);
            context.RequestAborted.ThrowIfCancellationRequested();
            throw ApiException.Unavailable("The server is stopping.");
        }
        catch (Exception e)
        {
            meter.End(ServerMetrics.Error);
            throw ErrorMap.Of(e, plan.PromptField);
        }
        finally
        {
            plan.Recorder?.Finish();
        }
    }

    private static async Task WholeAsync(
        HttpContext context,
        GenerationPlan plan,
        IAnswer answer,
        GenerationMeter meter,
        CancellationToken stop)
    {
        await foreach (var piece in GenerationRun.Start(plan, stop).ConfigureAwait(false))
        {
            meter.Take(piece.Prompt, piece.Piece);
            answer.Take(piece, stream: null);
        }

        await JsonAnswer.WriteAsync(context, answer.WriteWhole()).ConfigureAwait(false);
    }

    private async Task StreamAsync(
        HttpContext context,
        GenerationPlan plan,
        IAnswer answer,
        GenerationMeter meter,
        CancellationTokenSource stop)
    {
        using var stream = new SseStream(context, options.SlowReaderTimeout, time)
        {
            Marks = plan.HasEventIds || plan.Resume is not null
                ? new EventMarks(plan.Choices, plan.Resume?.Position, plan.HasEventIds)
                : null,
        };
        metrics.StreamOpened();
        try
        {
            ReplayedPieces.Feed(plan, answer, stream);
            await PumpAsync(plan, answer, meter, stream, stop.Token).ConfigureAwait(false);
            answer.Finish(stream);
            await stream.FlushAsync(context.RequestAborted).ConfigureAwait(false);
        }
        catch (SlowReaderException)
        {
            meter.End(ServerMetrics.Abort);
            metrics.StreamAborts.Add("slow");
            context.Abort();
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            metrics.StreamAborts.Add("client");
            throw;
        }
        catch (OperationCanceledException) when (drain.Cut.IsCancellationRequested)
        {
            metrics.StreamAborts.Add("drain");
            meter.End(ServerMetrics.Abort);
            await FailAsync(
                context,
                answer,
                stream,
                ApiException.Unavailable("The server is stopping.")).ConfigureAwait(false);
        }
        catch (Exception e) when (stream.IsStarted)
        {
            LogCutStream(logger, Call.Of(context).RequestId, e);
            metrics.StreamAborts.Add(e is DeadlineExceededException ? "deadline" : "error");
            meter.End(ServerMetrics.Error);
            await FailAsync(context, answer, stream, ErrorMap.Of(e, plan.PromptField)).ConfigureAwait(false);
        }
        finally
        {
            metrics.StreamClosed();
        }
    }

    /// <summary>Ends a stream with an error; where nothing was sent yet, the error has a status.</summary>
    private static async Task FailAsync(HttpContext context, IAnswer answer, SseStream stream, ApiException error)
    {
        if (!stream.IsStarted)
        {
            throw error;
        }

        try
        {
            answer.Fail(stream, error);
            await stream.FlushAsync(context.RequestAborted).ConfigureAwait(false);
        }
        catch (SlowReaderException)
        {
            context.Abort();
        }
    }

    /// <summary>
    /// Writes pieces as they come. What is there at once goes out in one write; a stream that waits long gets comments,
    /// which also send its headers.
    /// </summary>
    private async Task PumpAsync(
        GenerationPlan plan,
        IAnswer answer,
        GenerationMeter meter,
        SseStream stream,
        CancellationToken stop)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop);

        // Whoever has it may write to the stream: this method, or while it waits for a piece the keep-alive.
        using var writing = new SemaphoreSlim(0, 1);
        var keepAlive = KeepAliveAsync(plan.KeepAliveInterval ?? options.KeepAliveInterval, stream, writing, end);
        var pieces = GenerationRun.Start(plan, end.Token).GetAsyncEnumerator(CancellationToken.None);
        try
        {
            while (await MoveAsync(pieces, stream, writing, end).ConfigureAwait(false))
            {
                var piece = pieces.Current;
                meter.Take(piece.Prompt, piece.Piece);
                plan.Recorder?.Take((piece.Prompt * plan.Samples) + piece.Piece.Row, piece.Piece.TokenIds);
                answer.Take(piece, stream);
            }
        }
        finally
        {
            await end.CancelAsync().ConfigureAwait(false);
            writing.Release();
            await pieces.DisposeAsync().ConfigureAwait(false);
            await keepAlive.ConfigureAwait(false);
        }
    }

    /// <summary>Waits for the next piece. Before it waits, what is written is sent.</summary>
    private static ValueTask<bool> MoveAsync(
        IAsyncEnumerator<PromptPiece> pieces,
        SseStream stream,
        SemaphoreSlim writing,
        CancellationTokenSource end)
    {
        var moved = pieces.MoveNextAsync();
        return moved.IsCompleted && !stream.IsFull ? moved : SendAndWaitAsync(moved, stream, writing, end);
    }

    // Runs once for each token: its state is kept and used again.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private static async ValueTask<bool> SendAndWaitAsync(
        ValueTask<bool> moved,
        SseStream stream,
        SemaphoreSlim writing,
        CancellationTokenSource end)
    {
        try
        {
            await stream.FlushAsync(end.Token).ConfigureAwait(false);
        }
        catch
        {
            // A reader may be given back only when it does not wait.
            await end.CancelAsync().ConfigureAwait(false);
            await ((Task)moved.AsTask()).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        writing.Release();
        try
        {
            return await moved.ConfigureAwait(false);
        }
        finally
        {
            await writing.WaitAsync(CancellationToken.None).ConfigureAwait(false);
        }
    }

    /// <summary>Writes a comment at each interval in which the stream waits for a piece, until it ends.</summary>
    private async Task KeepAliveAsync(
        TimeSpan interval, SseStream stream, SemaphoreSlim writing, CancellationTokenSource end)
    {
        using var timer = new PeriodicTimer(interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(end.Token).ConfigureAwait(false))
            {
                if (!await writing.WaitAsync(0, CancellationToken.None).ConfigureAwait(false))
                {
                    continue;
                }

                try
                {
                    stream.KeepAlive();
                    await stream.FlushAsync(end.Token).ConfigureAwait(false);
                }
                finally
                {
                    writing.Release();
                }
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // The stream has ended.
        }
        catch
        {
            // The client does not read: nothing more needs to be generated.
            await end.CancelAsync().ConfigureAwait(false);
            throw;
        }
    }

    private GenerationSpan StartSpan(HttpContext context, GenerationPlan plan)
    {
        var operation = plan.ChatTemplate is null ? GenAi.TextCompletion : GenAi.Chat;
        var host = context.Request.Host;
        var now = time.GetUtcNow().UtcDateTime;
        var span = new GenerationSpan(telemetry, operation, plan.Model.Id, host.Host, host.Port, now);
        var options = plan.Prompts[0].Options;
        span.Tag(GenAi.MaxTokens, options.MaxNewTokens);
        span.Tag(GenAi.Temperature, options.Temperature);
        span.Tag(GenAi.TopP, options.TopP);
        span.Tag(GenAi.TopK, options.TopK);
        span.Tag(GenAi.Seed, options.Seed is { } seed ? unchecked((long)seed) : null);
        span.Tag(GenAi.ChoiceCount, plan.Samples);
        span.Tag(GenAi.Stream, plan.IsStream);
        span.Tag(GenAi.ResponseId, plan.Id);
        return span;
    }

    private static void SetHeaders(HttpContext context, GenerationPlan plan)
    {
        if (plan.ChatTemplate is { } template)
        {
            context.Response.Headers["x-torchkv-chat-template"] = template;
        }
    }

    [LoggerMessage(LogLevel.Warning, "The stream of request {RequestId} was cut.")]
    private static partial void LogCutStream(ILogger logger, string requestId, Exception error);
}
