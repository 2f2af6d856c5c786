using System.Text;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Conformance;

/// <summary>The package's own format: a LEB128 count, then for each entry its name, type, shape and raw bytes.</summary>
public class FileFormatTests
{
    [Fact]
    public void AModuleIsWrittenAsCountNameTypeShapeAndBytes()
    {
        using var module = new Two();
        using var file = new MemoryStream();

        module.save(file);

        using var expected = new MemoryStream();
        using (var writer = new BinaryWriter(expected))
        {
            writer.Write((byte)2);
            writer.Write("weight");
            writer.Write((byte)6);
            writer.Write((byte)2);
            writer.Write((byte)1);
            writer.Write((byte)2);
            writer.Write(1f);
            writer.Write(2f);
            writer.Write("ids");
            writer.Write((byte)4);
            writer.Write((byte)1);
            writer.Write((byte)0x96);
            writer.Write((byte)0x01);
            for (var i = 0; i < 150; i++)
            {
                writer.Write((long)i);
            }
        }
        Assert.Equal(expected.ToArray(), file.ToArray());
    }

    [Fact]
    public void WhatIsSavedIsLoaded()
    {
        using var source = new Two();
        using var target = new Two();
        using (no_grad())
        {
            source.weight.fill_(7);
        }

        target.load(new MemoryStream(Saved(source)));

        Assert.Equal([7f, 7f], target.weight.data<float>().ToArray());
        Assert.Equal(Enumerable.Range(0, 150).Select(i => (long)i), target.ids.data<long>().ToArray());
    }

    [Fact]
    public void BFloat16AndHalfAreSavedAsTheyAre()
    {
        using var source = nn.Linear(3, 2).bfloat16();
        using var target = nn.Linear(3, 2).bfloat16();

        target.load(new MemoryStream(Saved(source)));

        Assert.Equal(source.weight.bytes.ToArray(), target.weight.bytes.ToArray());
    }

    [Fact]
    public void AnotherShapeOrTypeIsRefused()
    {
        using var source = nn.Linear(3, 2);
        var saved = Saved(source);
        using var wider = nn.Linear(4, 2);
        using var other = nn.Linear(3, 2).to(ScalarType.Float64);

        Assert.Throws<ArgumentException>(() => wider.load(new MemoryStream(saved)));
        Assert.Throws<ArgumentException>(() => other.load(new MemoryStream(saved)));
    }

    [Fact]
    public void ANameOrACountThatIsNotThereIsRefusedUnderStrict()
    {
        using var source = nn.Linear(3, 2, hasBias: false);
        using var target = nn.Linear(3, 2);
        var saved = Saved(source);
        var renamed = Saved(target);
        renamed[renamed.AsSpan().IndexOf(Encoding.ASCII.GetBytes("weight"))] = (byte)'h';

        Assert.Throws<ArgumentException>(() => target.load(new MemoryStream(saved)));
        Assert.Throws<ArgumentException>(() => target.load(new MemoryStream(renamed)));
        var loaded = new Dictionary<string, bool>();
        target.load(new MemoryStream(saved), strict: false, loadedParameters: loaded);
        Assert.True(Assert.Single(loaded).Value);
        Assert.True(source.weight.allclose(target.weight));
    }

    [Fact]
    public void AFileThatEndsTooSoonIsRefused()
    {
        using var source = nn.Linear(3, 2);
        var saved = Saved(source);

        Assert.ThrowsAny<IOException>(() => source.load(new MemoryStream(saved[..^5])));
    }

    [Fact]
    public void ATensorIsSavedAndLoadedByItself()
    {
        using var tensor = arange(6).view(2, 3);
        using var file = new MemoryStream();

        using (var writer = new BinaryWriter(file, Encoding.UTF8, leaveOpen: true))
        {
            tensor.Save(writer);
        }
        using var read = TensorExtensionMethods.Load(new BinaryReader(new MemoryStream(file.ToArray())));

        Assert.Equal([2L, 3L], read.shape);
        Assert.Equal(tensor.data<long>().ToArray(), read.data<long>().ToArray());
    }

    private static byte[] Saved(nn.Module module)
    {
        using var file = new MemoryStream();
        module.save(file);
        return file.ToArray();
    }

    private sealed class Two : nn.Module
    {
        public readonly Parameter weight = nn.Parameter(tensor([1f, 2f]).view(1, 2));
        public readonly Tensor ids = arange(150);

        public Two() : base(nameof(Two)) => RegisterComponents();
    }
}
