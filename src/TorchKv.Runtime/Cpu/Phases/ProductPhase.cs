using TorchKv.Runtime.Configuration;
using TorchKv.Runtime.Cpu.Kernels;
using TorchKv.Runtime.Cpu.Packing;
using TorchKv.Runtime.Cpu.Steps;
using TorchKv.Runtime.Cpu.Threads;

namespace TorchKv.Runtime.Cpu.Phases;

/// <summary>
/// Rows × a matrix + its bias, and an activation function. A task is a block of rows × consecutive panels. The split
/// into tasks changes no result.
/// </summary>
internal sealed unsafe class ProductPhase : Phase
{
    /// <summary>Up to this many rows, memory limits the speed of a product; with more rows, arithmetic does.</summary>
    private const int FewRows = 16;

    private readonly KernelSet _kernels;
    private readonly PackedMatrix _matrix;
    private readonly RowArray _from;
    private readonly QuantizedRows _quantized;
    private readonly ProductTarget _to;
    private readonly int _threads;

    /// <param name="kernels">The arithmetic.</param>
    /// <param name="activations">Holds the rows if they are quantized.</param>
    /// <param name="matrix">The matrix.</param>
    /// <param name="from">The rows if they are float32.</param>
    /// <param name="to">Where the results go.</param>
    /// <param name="threads">Threads that compute.</param>
    public ProductPhase(
        KernelSet kernels, Activations activations, PackedMatrix matrix, RowArray from, ProductTarget to, int threads)
    {
        _kernels = kernels;
        _matrix = matrix;
        _from = from;
        _quantized = activations.Quantized(matrix);
        _to = to;
        _threads = threads;
    }

    /// <summary>The function of the results; null: none.</summary>
    public Gpt2Activation? Activation { get; init; }

    /// <summary>Whether to take only the tokens whose logits are wanted.</summary>
    public bool WantedOnly { get; init; }

    public override int MostTasks(int maxTokens) => _matrix.Panels * Blocks(maxTokens).Count;

    public override int Tasks(StepShape shape) => Split(Rows(shape)).Tasks;

    public override void Compute(StepShape shape, int task, Workspace workspace)
    {
        var (_, blocks, size, panelsPerTask) = Split(Rows(shape));
        var first = task % blocks * size;
        var count = Math.Min(size, Rows(shape) - first);
        var padded = Tiles.PaddedRows(count);
        var tile = workspace.Tile;
        var end = Math.Min(_matrix.Panels, ((task / blocks) + 1) * panelsPerTask);
        for (var panel = task / blocks * panelsPerTask; panel < end; panel++)
        {
            if (count <= FewRows)
            {
                _to.Prefetch(shape, _matrix.Outputs(panel), first, count);
            }

            _kernels.Multiply(_matrix, panel, _from.Data, _from.Stride, _quantized, first, count, tile);
            _kernels.AddBias(tile, count, _matrix.Bias + (panel * PackedMatrix.PanelWidth));
            if (Activation is { } function)
            {
                _kernels.Activate(function, tile, count * PackedMatrix.PanelWidth);
            }

            tile += padded * PackedMatrix.PanelWidth;
        }
    }

    public override void Publish(StepShape shape, int task, Workspace workspace)
    {
        var (_, blocks, size, panelsPerTask) = Split(Rows(shape));
        var first = task % blocks * size;
        var count = Math.Min(size, Rows(shape) - first);
        var padded = Tiles.PaddedRows(count);
        var tile = workspace.Tile;
        var end = Math.Min(_matrix.Panels, ((task / blocks) + 1) * panelsPerTask);
        for (var panel = task / blocks * panelsPerTask; panel < end; panel++)
        {
            _to.Publish(shape, _matrix.Outputs(panel), first, count, tile);
            tile += padded * PackedMatrix.PanelWidth;
        }
    }

    /// <summary>
    /// Prefetches the beginning of the panels that a thread will multiply with, a kilobyte a call, 32 KiB at most.
    /// Without this, memory would be idle while threads wait between two products.
    /// </summary>
    /// <param name="shape">The step.</param>
    /// <param name="thread">The number of the thread.</param>
    /// <param name="threads">The number of threads.</param>
    /// <param name="call">The number of the call.</param>
    public void Anticipate(StepShape shape, int thread, int threads, int call)
    {
        const int CallBytes = 1024, Most = 32 * CallBytes;
        if (shape.TokenCount > FewRows || Rows(shape) == 0 || call >= Most / CallBytes)
        {
            return;
        }

        var (tasks, blocks, _, panelsPerTask) = Split(Rows(shape));
        var panel = ThreadTeam.FirstTask(thread, threads, tasks) / blocks * panelsPerTask;
        if (panel < _matrix.Panels)
        {
            var from = _matrix.Panel(panel) + (call * CallBytes);
            for (var i = 0; i < CallBytes; i += Prefetch.CacheLine)
            {
                Prefetch.Line(from + i);
            }
        }
    }

    /// <summary>
    /// Splits rows into blocks of equal size. If there are more than six rows, the size is a multiple of six.
    /// </summary>
    private static (int Count, int Rows) Blocks(int rows)
    {
        if (rows <= Tiles.Rows)
        {
            return (1, rows);
        }

        var count = (rows + Workspace.ProductRows - 1) / Workspace.ProductRows;
        var size = (((rows + count - 1) / count) + Tiles.Rows - 1) / Tiles.Rows * Tiles.Rows;
        return ((rows + size - 1) / size, size);
    }

    private int Rows(StepShape shape) => WantedOnly ? shape.WantedCount : shape.TokenCount;

    /// <summary>
    /// Splits the product into tasks. With enough panels every thread gets about eight: enough for the threads to end
    /// at about the same time, few enough for claiming to cost little.
    /// </summary>
    private (int Tasks, int BlockCount, int BlockRows, int PanelsPerTask) Split(int rows)
    {
        var (count, size) = Blocks(rows);
        var padded = Tiles.PaddedRows(size);
        var most = Workspace.TileFloats / (padded * PackedMatrix.PanelWidth);
        var panelsPerTask = Math.Clamp(_matrix.Panels / (_threads * 8), 1, most);
        return ((_matrix.Panels + panelsPerTask - 1) / panelsPerTask * count, count, size, panelsPerTask);
    }
}
