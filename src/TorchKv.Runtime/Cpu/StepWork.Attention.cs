using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Cpu;

/// <summary>Attention: queries of a chunk × heads over a sequence's blocks.</summary>
internal sealed unsafe partial class StepWork
{
    /// <summary>
    /// Attention's tasks: a chunk of queries × a run of heads. Where sequences are many and short a head takes no longer than claiming it.
    /// </summary>
    private (int Tasks, int Runs, int Heads) AttentionTasks()
    {
        const int MostHeads = 4, TasksPerThread = 32;
        int heads = weights.Config.HeadCount, chunks = scratch.ChunkCount;
        var fit = Workspace.TileFloats / (Workspace.Queries * pool.Layout.ValueStride);
        var run = Math.Max(1, Math.Min(Math.Min(MostHeads, fit), chunks * heads / (threads * TasksPerThread)));
        var runs = (heads + run - 1) / run;
        return (chunks * runs, runs, run);
    }

    private void Attend(int layer, int task, Workspace workspace)
    {
        var config = weights.Config;
        var layout = pool.Layout;
        var (_, runs, heads) = AttentionTasks();
        if (task / runs >= scratch.MaxTokens)
        {
            return; // a late thread's task of a step that was cut up another way
        }

        var chunk = scratch.Chunks[task / runs];
        var row = scratch.Rows[chunk.Row];
        var position = row.Position + chunk.Start;
        var first = row.FirstToken + chunk.Start;
        if (first + chunk.Count > scratch.MaxTokens || position + chunk.Count > config.ContextLength)
        {
            return;
        }

        var tile = workspace.Tile;
        var head = task % runs * heads;
        for (var end = Math.Min(config.HeadCount, head + heads); head < end; head++)
        {
            fixed (int* table = &scratch.Tables[row.Table])
            {
                for (var i = 0; i < chunk.Count; i += Tiles.Rows)
                {
                    kernels.Attend(
                        layout,
                        pool.Layer(layer),
                        table,
                        head,
                        scratch.Queries + ((long)(first + i) * scratch.Width) + (head * config.HeadDim),
                        scratch.Width,
                        Math.Min(Tiles.Rows, chunk.Count - i),
                        position + i,
                        config.AttentionScale(layer),
                        head + 1 < config.HeadCount,
                        workspace.Scores,
                        workspace.ScoreStride,
                        tile + (i * layout.ValueStride));
                }
            }

            tile += Workspace.Queries * layout.ValueStride;
        }
    }

    private void PublishAttended(int task, Workspace workspace)
    {
        var config = weights.Config;
        var (_, runs, heads) = AttentionTasks();
        var chunk = scratch.Chunks[task / runs];
        var tile = workspace.Tile;
        var head = task % runs * heads;
        for (var end = Math.Min(config.HeadCount, head + heads); head < end; head++)
        {
            for (var i = 0; i < chunk.Count; i++)
            {
                long token = scratch.Rows[chunk.Row].FirstToken + chunk.Start + i;
                new ReadOnlySpan<float>(tile + (i * pool.Layout.ValueStride), config.HeadDim)
                    .CopyTo(new Span<float>(scratch.Attended + (token * scratch.Width) + (head * config.HeadDim), config.HeadDim));
            }

            tile += Workspace.Queries * pool.Layout.ValueStride;
        }
    }
}
