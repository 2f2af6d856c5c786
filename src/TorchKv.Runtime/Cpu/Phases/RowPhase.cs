using TorchKv.Runtime.Cpu.Steps;

namespace TorchKv.Runtime.Cpu.Phases;

/// <summary>A phase that computes rows one by one. A task is up to eight consecutive rows.</summary>
internal abstract unsafe class RowPhase : Phase
{
    private const int TaskRows = Workspace.Rows;

    public override int MostTasks(int maxTokens) => Chunks(maxTokens);

    public override int Tasks(StepShape shape) => Chunks(Rows(shape));

    public override void Compute(StepShape shape, int task, Workspace workspace)
    {
        var first = task * TaskRows;
        var rows = Math.Min(TaskRows, Rows(shape) - first);
        for (var i = 0; i < rows; i++)
        {
            ComputeRow(shape, first + i, workspace, i);
        }
    }

    public override void Publish(StepShape shape, int task, Workspace workspace)
    {
        var first = task * TaskRows;
        PublishRows(first, Math.Min(TaskRows, Rows(shape) - first), workspace);
    }

    /// <summary>The rows of a step.</summary>
    protected virtual int Rows(StepShape shape) => shape.TokenCount;

    /// <summary>Computes a row into row <paramref name="to"/> of the workspace.</summary>
    protected abstract void ComputeRow(StepShape shape, int row, Workspace workspace, int to);

    /// <summary>Publishes the workspace's first rows as rows <paramref name="first"/> and following.</summary>
    protected abstract void PublishRows(int first, int rows, Workspace workspace);

    /// <summary>Copies the rows of the workspace's tile.</summary>
    protected static void CopyTile(Workspace workspace, RowArray to, int first, int rows)
    {
        var floats = rows * to.Stride;
        new ReadOnlySpan<float>(workspace.Tile, floats).CopyTo(new Span<float>(to.Row(first), floats));
    }

    private static int Chunks(int rows) => (rows + TaskRows - 1) / TaskRows;
}
