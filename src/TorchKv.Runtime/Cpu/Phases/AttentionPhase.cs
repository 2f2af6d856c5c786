using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu.Kernels;
using TorchKv.Runtime.Cpu.Memory;
using TorchKv.Runtime.Cpu.Steps;

namespace TorchKv.Runtime.Cpu.Phases;

/// <summary>
/// Attention of queries to the keys and values in their sequence's blocks. A task is a chunk of queries × a group of
/// consecutive heads. With many short sequences one head takes no longer than claiming a task, so a task then has
/// several heads.
/// </summary>
/// <param name="config">The model.</param>
/// <param name="kernels">The arithmetic.</param>
/// <param name="activations">Queries and results.</param>
/// <param name="pool">Keys and values.</param>
/// <param name="layer">The layer.</param>
/// <param name="threads">Threads that compute.</param>
internal sealed unsafe class AttentionPhase(
    Gpt2Config config, KernelSet kernels, Activations activations, KvPool pool, int layer, int threads) : Phase
{
    private readonly RowArray _queries = activations.Queries;
    private readonly RowArray _to = activations.Attended;
    private readonly KvLayout _layout = pool.Layout;
    private readonly float _scale = config.AttentionScale(layer);

    public override int MostTasks(int maxTokens) => maxTokens * config.HeadCount;

    public override int Tasks(StepShape shape) => Split(shape).Tasks;

    public override void Compute(StepShape shape, int task, Workspace workspace)
    {
        var (_, groups, heads) = Split(shape);
        var chunk = shape.Chunk(task / groups);
        var row = shape.Row(chunk.Row);
        var position = row.Position + chunk.Start;
        var first = row.FirstToken + chunk.Start;
        var tile = workspace.Tile;
        var head = task % groups * heads;
        for (var end = Math.Min(config.HeadCount, head + heads); head < end; head++)
        {
            for (var i = 0; i < chunk.Count; i += Tiles.Rows)
            {
                kernels.Attend(
                    _layout,
                    pool.Layer(layer),
                    shape.Table(chunk.Row),
                    head,
                    _queries.Row(first + i) + (head * config.HeadDim),
                    _queries.Stride,
                    Math.Min(Tiles.Rows, chunk.Count - i),
                    position + i,
                    _scale,
                    head + 1 < config.HeadCount,
                    workspace.Scores,
                    workspace.ScoreStride,
                    tile + (i * _layout.ValueStride));
            }

            tile += Workspace.Queries * _layout.ValueStride;
        }
    }

    public override void Publish(StepShape shape, int task, Workspace workspace)
    {
        var (_, groups, heads) = Split(shape);
        var chunk = shape.Chunk(task / groups);
        var first = shape.Row(chunk.Row).FirstToken + chunk.Start;
        var tile = workspace.Tile;
        var head = task % groups * heads;
        for (var end = Math.Min(config.HeadCount, head + heads); head < end; head++)
        {
            for (var i = 0; i < chunk.Count; i++)
            {
                new ReadOnlySpan<float>(tile + (i * _layout.ValueStride), config.HeadDim)
                    .CopyTo(new Span<float>(_to.Row(first + i) + (head * config.HeadDim), config.HeadDim));
            }

            tile += Workspace.Queries * _layout.ValueStride;
        }
    }

    private (int Tasks, int HeadGroups, int HeadsPerTask) Split(StepShape shape)
    {
        const int MostHeads = 4, TasksPerThread = 32;
        int heads = config.HeadCount, chunks = shape.ChunkCount;
        var fit = Workspace.TileFloats / (Workspace.Queries * _layout.ValueStride);
        var perTask = Math.Max(1, Math.Min(Math.Min(MostHeads, fit), chunks * heads / (threads * TasksPerThread)));
        var groups = (heads + perTask - 1) / perTask;
        return (chunks * groups, groups, perTask);
    }
}
