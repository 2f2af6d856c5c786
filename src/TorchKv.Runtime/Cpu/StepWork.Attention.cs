using TorchKv.Runtime.Cpu.Kernels;

namespace TorchKv.Runtime.Cpu;

/// <summary>The attention phase.</summary>
internal sealed unsafe partial class StepWork
{
    /// <summary>
    /// The tasks of attention: a chunk of queries × a group of consecutive heads. With many short sequences one head
    /// takes no longer than claiming a task, so a task then has several heads.
    /// </summary>
    private (int Tasks, int HeadGroups, int HeadsPerTask) AttentionTasks()
    {
        const int MostHeads = 4, TasksPerThread = 32;
        int heads = _weights.Config.HeadCount, chunks = _scratch.ChunkCount;
        var fit = Workspace.TileFloats / (Workspace.Queries * _pool.Layout.ValueStride);
        var perTask = Math.Max(1, Math.Min(Math.Min(MostHeads, fit), chunks * heads / (_threads * TasksPerThread)));
        var groups = (heads + perTask - 1) / perTask;
        return (chunks * groups, groups, perTask);
    }

    private void Attend(int layer, int task, Workspace workspace)
    {
        var config = _weights.Config;
        var layout = _pool.Layout;
        var (_, groups, heads) = AttentionTasks();
        if (task / groups >= _scratch.MaxTokens)
        {
            return; // A late thread: the present step has other tasks than the one that this task belongs to.
        }

        var chunk = _scratch.Chunks[task / groups];
        var row = _scratch.Rows[chunk.Row];
        var position = row.Position + chunk.Start;
        var first = row.FirstToken + chunk.Start;
        if (first + chunk.Count > _scratch.MaxTokens || position + chunk.Count > config.ContextLength)
        {
            return; // A late thread: these values belong to two steps.
        }

        var tile = workspace.Tile;
        var head = task % groups * heads;
        for (var end = Math.Min(config.HeadCount, head + heads); head < end; head++)
        {
            fixed (int* table = &_scratch.Tables[row.Table])
            {
                for (var i = 0; i < chunk.Count; i += Tiles.Rows)
                {
                    _kernels.Attend(
                        layout,
                        _pool.Layer(layer),
                        table,
                        head,
                        _scratch.Queries + ((long)(first + i) * _scratch.Width) + (head * config.HeadDim),
                        _scratch.Width,
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
        var config = _weights.Config;
        var (_, groups, heads) = AttentionTasks();
        var chunk = _scratch.Chunks[task / groups];
        var tile = workspace.Tile;
        var head = task % groups * heads;
        for (var end = Math.Min(config.HeadCount, head + heads); head < end; head++)
        {
            for (var i = 0; i < chunk.Count; i++)
            {
                long token = _scratch.Rows[chunk.Row].FirstToken + chunk.Start + i;
                var to = _scratch.Attended + (token * _scratch.Width) + (head * config.HeadDim);
                new ReadOnlySpan<float>(tile + (i * _pool.Layout.ValueStride), config.HeadDim)
                    .CopyTo(new Span<float>(to, config.HeadDim));
            }

            tile += Workspace.Queries * _pool.Layout.ValueStride;
        }
    }
}
