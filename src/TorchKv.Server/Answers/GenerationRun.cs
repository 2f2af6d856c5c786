using System.Threading.Channels;
using TorchKv.Runtime.Contracts;
using TorchKv.Server.Requests;
using TorchKv.Server.Resuming;

namespace TorchKv.Server.Answers;

/// <summary>Runs a plan's prompts at once and gives their pieces as one stream.</summary>
internal static class GenerationRun
{
    /// <summary>
    /// Starts a plan. What the generator checks beforehand is thrown here; requests are submitted when reading begins.
    /// </summary>
    /// <param name="plan">The plan.</param>
    /// <param name="cancellationToken">Ends all generations.</param>
    public static IAsyncEnumerable<PromptPiece> Start(GenerationPlan plan, CancellationToken cancellationToken)
    {
        // A resumed request has a generation for each choice, since each goes on from its own ids.
        var samples = plan.Resume is null ? 1 : plan.Samples;
        if (plan.Prompts.Count * samples == 1)
        {
            return new OnePrompt(Generate(plan, 0, cancellationToken));
        }

        var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var streams = new (int Prompt, int? Row, IAsyncEnumerable<GeneratedPiece> Pieces)[plan.Prompts.Count * samples];
        try
        {
            for (var i = 0; i < streams.Length; i++)
            {
                int? row = plan.Resume is null ? null : i % samples;
                streams[i] = (i / samples, row, Generate(plan, i, stop.Token));
            }
        }
        catch
        {
            stop.Dispose();
            throw;
        }

        return Several(streams, stop);
    }

    /// <summary>One generation.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="number">Which prompt; in a resumed request, which choice.</param>
    /// <param name="cancellationToken">Ends it.</param>
    private static IAsyncEnumerable<GeneratedPiece> Generate(
        GenerationPlan plan,
        int number,
        CancellationToken cancellationToken)
    {
        var (ids, options) = plan.Prompts[plan.Resume is null ? number : number / plan.Samples];
        if (plan.Resume is { } resume)
        {
            (ids, options) = ResumePoint.Continue(ids, options, number % plan.Samples, resume.Ids[number]);
        }

        return plan.Model.Generator.GenerateAsync(
            ids,
            plan.Model.Speculation is { } speculation ? options with { Speculation = speculation } : options,
            cancellationToken);
    }

    private static async IAsyncEnumerable<PromptPiece> Several(
        (int Prompt, int? Row, IAsyncEnumerable<GeneratedPiece> Pieces)[] streams,
        CancellationTokenSource stop)
    {
        // Unbounded, yet bounded by the tokens that were asked for, which the request's limits bound.
        var channel = Channel.CreateUnbounded<PromptPiece>(new UnboundedChannelOptions { SingleReader = true });
        var pumps = streams.Select(stream => PumpAsync(stream, channel.Writer, stop)).ToArray();
        var all = CompleteAsync(pumps, channel.Writer);
        try
        {
            await foreach (var piece in channel.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
            {
                yield return piece;
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await all.ConfigureAwait(false);
            stop.Dispose();
        }
    }

    private static async Task PumpAsync(
        (int Prompt, int? Row, IAsyncEnumerable<GeneratedPiece> Pieces) stream,
        ChannelWriter<PromptPiece> output,
        CancellationTokenSource stop)
    {
        try
        {
            await foreach (var piece in stream.Pieces.WithCancellation(stop.Token).ConfigureAwait(false))
            {
                output.TryWrite(new PromptPiece(
                    stream.Prompt,
                    stream.Row is { } row && row != piece.Row ? piece with { Row = row } : piece));
            }
        }
        catch (Exception e)
        {
            // One prompt's failure is the request's: the others end too.
            output.TryComplete(e);
            await stop.CancelAsync().ConfigureAwait(false);
        }
    }

    private static async Task CompleteAsync(Task[] pumps, ChannelWriter<PromptPiece> output)
    {
        await Task.WhenAll(pumps).ConfigureAwait(false);
        output.TryComplete();
    }
}
