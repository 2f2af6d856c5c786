using System.Threading.Channels;
using TorchKv.Runtime.Contracts;
using TorchKv.Server.Requests;

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
        if (plan.Prompts.Count == 1)
        {
            return new OnePrompt(Generate(plan, 0, cancellationToken));
        }

        var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var streams = new IAsyncEnumerable<GeneratedPiece>[plan.Prompts.Count];
        try
        {
            for (var i = 0; i < streams.Length; i++)
            {
                streams[i] = Generate(plan, i, stop.Token);
            }
        }
        catch
        {
            stop.Dispose();
            throw;
        }

        return Several(streams, stop);
    }

    private static IAsyncEnumerable<GeneratedPiece> Generate(
        GenerationPlan plan,
        int prompt,
        CancellationToken cancellationToken)
    {
        var (ids, options) = plan.Prompts[prompt];
        return plan.Model.Generator.GenerateAsync(
            ids,
            plan.Speculation is { } speculation ? options with { Speculation = speculation } : options,
            cancellationToken);
    }

    private static async IAsyncEnumerable<PromptPiece> Several(
        IAsyncEnumerable<GeneratedPiece>[] streams,
        CancellationTokenSource stop)
    {
        // Unbounded, yet bounded by the tokens that were asked for, which the request's limits bound.
        var channel = Channel.CreateUnbounded<PromptPiece>(new UnboundedChannelOptions { SingleReader = true });
        var pumps = streams.Select((stream, prompt) => PumpAsync(stream, prompt, channel.Writer, stop)).ToArray();
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
        IAsyncEnumerable<GeneratedPiece> stream,
        int prompt,
        ChannelWriter<PromptPiece> output,
        CancellationTokenSource stop)
    {
        try
        {
            await foreach (var piece in stream.WithCancellation(stop.Token).ConfigureAwait(false))
            {
                output.TryWrite(new PromptPiece(prompt, piece));
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
