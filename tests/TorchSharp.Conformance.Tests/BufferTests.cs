using static TorchSharp.torch;

namespace TorchSharp.Conformance;

/// <summary>Registered buffers, with the traps that a KV cache falls into.</summary>
public class BufferTests
{
    [Fact]
    public void ANullBufferIsRefused()
    {
        using var module = new Holder();

        Assert.Throws<ArgumentNullException>(() => module.register_buffer("cache_k", null!));
        Assert.False(module.has_buffer("cache_k"));
    }

    [Fact]
    public void ASecondBufferOfTheSameNameIsRefused()
    {
        using var module = new Holder();
        module.register_buffer("cache_k", zeros(2));

        Assert.Throws<InvalidOperationException>(() => module.register_buffer("cache_k", zeros(3)));
        Assert.Equal([2L], module.get_buffer("cache_k")!.shape);
    }

    [Fact]
    public void ReassigningAFieldDoesNotUpdateItsBuffer()
    {
        using var module = new Holder { kept = zeros(2) };
        module.register_buffer("kept", module.kept);

        module.kept = ones(2);

        Assert.Equal([0f, 0f], module.get_buffer("kept")!.data<float>().ToArray());
        Assert.Equal([0f, 0f], module.state_dict()["kept"].data<float>().ToArray());
    }

    [Fact]
    public void APropertyCanKeepItsBufferUpToDate()
    {
        using var module = new Conditional { cache_k = zeros(2) };
        Assert.Equal(["cache_k"], module.state_dict().Keys);

        module.cache_k = ones(3);
        Assert.Equal([3L], module.get_buffer("cache_k")!.shape);

        module.cache_k = null;
        Assert.Empty(module.state_dict());
    }

    [Fact]
    public void SetUnderscoreChangesARegisteredTensorInPlace()
    {
        using var module = new Holder();
        var buffer = zeros(2);
        module.register_buffer("cache_k", buffer);
        using var longer = ones(2, 3);

        buffer.set_(longer);

        Assert.Equal([2L, 3L], module.get_buffer("cache_k")!.shape);
        Assert.Equal(6, module.state_dict()["cache_k"].sum().ToSingle());
    }

    [Fact]
    public void BuffersThatAreNotPersistentAreNeitherListedNorMoved()
    {
        using var module = new Holder();
        var scratch = zeros(2);
        module.register_buffer("scratch", scratch, persistent: false);
        module.register_buffer("kept", zeros(2));

        Assert.Equal(["kept"], module.named_buffers(include_nonpersistent: true).Select(pair => pair.name));
        Assert.Equal(["kept"], module.state_dict().Keys);

        module.to(ScalarType.Float64);

        Assert.Equal(ScalarType.Float64, module.get_buffer("kept")!.dtype);
        Assert.Equal(ScalarType.Float32, scratch.dtype);
        Assert.Equal(ScalarType.Float32, module.get_buffer("scratch")!.dtype);
    }

    [Fact]
    public void ToReplacesABufferAndSetsItsField()
    {
        using var module = new Holder { kept = arange(3, dtype: ScalarType.Float32) };
        module.register_buffer("kept", module.kept);
        var before = module.kept;

        module.to(ScalarType.Float64);

        Assert.True(before.IsInvalid);
        Assert.Same(module.kept, module.get_buffer("kept"));
        Assert.Equal([0d, 1d, 2d], module.kept.data<double>().ToArray());
    }

    [Fact]
    public void ToWithoutAChangeKeepsTheBuffer()
    {
        using var module = new Holder { kept = zeros(3) };
        module.register_buffer("kept", module.kept);
        var before = module.kept;

        module.to(ScalarType.Float32).to(CPU);

        Assert.Same(before, module.get_buffer("kept"));
        Assert.False(before.IsInvalid);
    }

    [Fact]
    public void ToThrowsWhereABuffersPropertyHasNoSetter()
    {
        using var module = new GetterOnly();

        Assert.Throws<ArgumentException>(() => module.to(ScalarType.Float64));
    }

    [Fact]
    public void AConversionOfTypeTouchesOnlyFloatingBuffers()
    {
        using var module = new Holder();
        module.register_buffer("floats", zeros(2));
        module.register_buffer("ids", zeros(2, dtype: ScalarType.Int64));
        module.register_buffer("mask", zeros(2, dtype: ScalarType.Bool));

        module.half();

        Assert.Equal(ScalarType.Float16, module.get_buffer("floats")!.dtype);
        Assert.Equal(ScalarType.Int64, module.get_buffer("ids")!.dtype);
        Assert.Equal(ScalarType.Bool, module.get_buffer("mask")!.dtype);
    }

    [Fact]
    public void AnIntegerTypeIsRefused()
    {
        using var module = new Holder();
        module.register_buffer("floats", zeros(2));

        Assert.Throws<ArgumentException>(() => module.to(ScalarType.Int64));
        Assert.Equal(ScalarType.Float32, module.get_buffer("floats")!.dtype);
    }

    [Fact]
    public void BuffersOfSubmodulesAreMovedWithTheirParent()
    {
        using var module = new Parent();

        module.to(ScalarType.Float64);

        Assert.Equal(ScalarType.Float64, module.child.kept!.dtype);
        Assert.Equal(["child.kept"], module.state_dict().Keys);
        Assert.Same(module.child.kept, module.get_buffer("child.kept"));
        Assert.True(module.has_buffer("child.kept"));
        Assert.Null(module.get_buffer("child.other"));
    }

    [Fact]
    public void ToMetaMovesABuffer()
    {
        using var module = new Holder { kept = zeros(2, 3) };
        module.register_buffer("kept", module.kept);

        module.to(META);

        Assert.True(module.kept.is_meta);
        Assert.Equal([2L, 3L], module.kept.shape);
    }

    [Fact]
    public void DisposingAModuleDisposesItsBuffers()
    {
        var module = new Holder();
        var buffer = zeros(2);
        module.register_buffer("kept", buffer);

        module.Dispose();

        Assert.True(buffer.IsInvalid);
    }

    private sealed class Holder() : nn.Module(nameof(Holder))
    {
        public Tensor? kept;
    }

    private sealed class Parent : nn.Module
    {
        public readonly Child child = new();

        public Parent() : base(nameof(Parent)) => RegisterComponents();
    }

    private sealed class Child : nn.Module
    {
        public Tensor? kept = zeros(2);

        public Child() : base(nameof(Child)) => RegisterComponents();
    }

    private sealed class Conditional() : nn.Module(nameof(Conditional))
    {
        private Tensor? _cache_k;

        public Tensor? cache_k
        {
            get => _cache_k;
            set
            {
                _cache_k = value;
                ConditionallyRegisterBuffer(nameof(cache_k), value);
            }
        }
    }

    private sealed class GetterOnly : nn.Module
    {
        public GetterOnly() : base(nameof(GetterOnly)) => register_buffer(nameof(cache_k), zeros(2));

        public Tensor? cache_k => get_buffer(nameof(cache_k));
    }
}
