using TorchSharp.Modules;
using static TorchSharp.torch;

namespace TorchSharp.Conformance;

public class ModuleTests
{
    [Fact]
    public void ComponentsAreRegisteredUnderTheirFieldsNames()
    {
        using var module = new Mixed();

        Assert.Equal(["scale", "inner.weight", "inner.bias", "table"], module.state_dict().Keys);
        Assert.Equal(["scale", "inner.weight", "inner.bias"], module.named_parameters().Select(pair => pair.name));
        Assert.Equal(["scale"], module.named_parameters(recurse: false).Select(pair => pair.name));
        Assert.Equal(["table"], module.named_buffers().Select(pair => pair.name));
        Assert.Equal(["inner"], module.named_children().Select(pair => pair.name));
    }

    [Fact]
    public void AStateDictHoldsTheTensorsThemselves()
    {
        using var module = new Mixed();

        using (no_grad())
        {
            module.state_dict()["table"].fill_(3);
            module.state_dict()["scale"].fill_(4);
        }

        Assert.Equal([3f, 3f], module.get_buffer("table")!.data<float>().ToArray());
        Assert.Equal([4f], module.get_parameter("scale")!.data<float>().ToArray());
    }

    [Fact]
    public void AStateDictTakesADestinationAndAPrefix()
    {
        using var module = new Mixed();
        var destination = new Dictionary<string, Tensor>();

        var returned = module.state_dict(destination, "model");

        Assert.Same(destination, returned);
        Assert.Contains("model.inner.weight", destination.Keys);
        Assert.Equal(4, destination.Count);
    }

    [Fact]
    public void LoadingAStateDictCopiesValuesAndKeepsTheTensors()
    {
        using var source = new Mixed();
        using var target = new Mixed();
        var scale = target.get_parameter("scale");

        var (missing, unexpected) = target.load_state_dict(source.state_dict());

        Assert.Empty(missing);
        Assert.Empty(unexpected);
        Assert.Same(scale, target.get_parameter("scale"));
        foreach (var (key, value) in source.state_dict())
        {
            Assert.True(value.allclose(target.state_dict()[key]), key);
        }
    }

    [Fact]
    public void LoadingUnderStrictRefusesAMismatchBeforeAnythingIsCopied()
    {
        using var source = new Mixed();
        using var target = new Mixed();
        using var before = target.get_parameter("inner.weight")!.clone();
        var state = new Dictionary<string, Tensor>(source.state_dict());
        state.Remove("table");

        Assert.Throws<InvalidOperationException>(() => target.load_state_dict(state));

        Assert.True(before.allclose(target.get_parameter("inner.weight")!));
    }

    [Fact]
    public void LoadingWithoutStrictReportsMissingAndUnexpectedKeys()
    {
        using var source = new Mixed();
        using var target = new Mixed();
        var state = new Dictionary<string, Tensor>(source.state_dict()) { ["extra"] = zeros(1) };
        state.Remove("table");

        var (missing, unexpected) = target.load_state_dict(state, strict: false);

        Assert.Equal(["table"], missing);
        Assert.Equal(["extra"], unexpected);
    }

    [Fact]
    public void LoadingSkipsWhatIsNamed()
    {
        using var source = new Mixed();
        using var target = new Mixed();
        using var before = target.get_parameter("inner.weight")!.clone();
        using (no_grad())
        {
            source.get_parameter("inner.weight")!.fill_(9);
        }

        target.load_state_dict(source.state_dict(), skip: ["inner.weight"]);

        Assert.True(before.allclose(target.get_parameter("inner.weight")!));
    }

    [Fact]
    public void CallRunsTheHooksAndForwardDoesNot()
    {
        using var module = nn.Linear(2, 2);
        using var input = ones(1, 2);
        var events = new List<string>();
        module.register_forward_pre_hook((_, x) =>
        {
            events.Add("pre");
            return x;
        });
        var remover = module.register_forward_hook((_, _, result) =>
        {
            events.Add("post");
            return result;
        });

        using var called = module.call(input);
        Assert.Equal(["pre", "post"], events);

        using var forwarded = module.forward(input);
        Assert.Equal(2, events.Count);

        remover.remove();
        using var again = module.call(input);
        Assert.Equal(["pre", "post", "pre"], events);
    }

    [Fact]
    public void AHookMayReplaceTheInputAndTheResult()
    {
        using var module = nn.Identity();
        using var one = ones(1);
        module.register_forward_pre_hook((_, x) => x + 1);
        module.register_forward_hook((_, _, result) => result * 10);

        using var result = module.call(one);

        Assert.Equal(20, result.ToSingle());
    }

    [Fact]
    public void AModuleOfTwoInputsIsCalledWithBoth()
    {
        using var module = new Adder();
        using var one = ones(1);
        module.register_forward_pre_hook((_, a, b) => (a, b + 1));

        using var result = module.call(one, one);

        Assert.Equal(3, result.ToSingle());
    }

    [Fact]
    public void TrainAndEvalReachEverySubmodule()
    {
        using var module = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5));

        Assert.True(module.training);
        module.eval();
        Assert.All(module.modules(), child => Assert.False(child.training));
        module.train();
        Assert.All(module.modules(), child => Assert.True(child.training));
    }

    [Fact]
    public void AListRegistersItsModulesUnderTheirIndices()
    {
        using var module = new WithList();

        Assert.Equal(["blocks.0.weight", "blocks.1.weight"], module.state_dict().Keys);
        Assert.Equal(["blocks", "blocks.0", "blocks.1"], module.named_modules().Select(pair => pair.name));
    }

    [Fact]
    public void ASequenceNamesItsModulesByIndexOrAsTold()
    {
        using var indexed = nn.Sequential(nn.Linear(2, 3), nn.GELU(), nn.Linear(3, 1));
        using var named = nn.Sequential(("fc", nn.Linear(2, 3)), ("proj", nn.Linear(3, 1)));

        Assert.Equal(["0.weight", "0.bias", "2.weight", "2.bias"], indexed.state_dict().Keys);
        Assert.Equal(["fc.weight", "fc.bias", "proj.weight", "proj.bias"], named.state_dict().Keys);
        Assert.Equal(3, indexed.Count);
    }

    [Fact]
    public void TiedWeightsKeepBothNamesAndSurviveAConversion()
    {
        using var module = new Tied();

        Assert.Equal(["wte.weight", "head.weight"], module.state_dict().Keys);
        Assert.Equal(2, module.parameters().Count());

        module.to(ScalarType.Float64);
        using (no_grad())
        {
            module.wte.weight!.fill_(2);
        }

        Assert.Equal(ScalarType.Float64, module.head.weight.dtype);
        Assert.Equal(2, module.head.weight[0, 0].ToDouble());
        Assert.Equal(["wte.weight", "head.weight"], module.state_dict().Keys);
    }

    [Fact]
    public void ConversionKeepsWhatAParameterHolds()
    {
        using var module = nn.Linear(3, 2);
        using var before = module.weight.detach().to(ScalarType.Float64);

        module.to(ScalarType.Float64);

        Assert.Equal(ScalarType.Float64, module.weight.dtype);
        Assert.Equal(ScalarType.Float64, module.bias!.dtype);
        Assert.True(module.weight.requires_grad);
        Assert.True(before.allclose(module.weight));
        Assert.Same(module.weight, module.get_parameter("weight"));
    }

    [Fact]
    public void HalfAndBFloat16ConvertEverything()
    {
        using var module = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2));

        Assert.All(module.half().parameters(), parameter => Assert.Equal(ScalarType.Float16, parameter.dtype));
        Assert.All(module.bfloat16().parameters(), parameter => Assert.Equal(ScalarType.BFloat16, parameter.dtype));
    }

    [Fact]
    public void DeviceAndTypeAreChangedTogether()
    {
        using var module = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2));

        module.to(CPU, ScalarType.Float64);

        Assert.All(module.parameters(), parameter => Assert.Equal(ScalarType.Float64, parameter.dtype));
    }

    [Fact]
    public void ToMetaMovesParameters()
    {
        using var module = nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3));

        module.to(META);

        Assert.All(module.parameters(), parameter => Assert.True(parameter.is_meta));
    }

    [Fact]
    public void AParameterTakesOverItsTensor()
    {
        var data = zeros(2);
        using var parameter = nn.Parameter(data);

        Assert.True(data.IsInvalid);
        Assert.True(parameter.requires_grad);
        Assert.Throws<InvalidOperationException>(() => data.shape);
    }

    [Fact]
    public void AModuleWithoutParametersRefusesThem()
    {
        using var module = nn.GELU();

        Assert.Throws<InvalidOperationException>(() => module.register_buffer("b", zeros(1)));
        Assert.Throws<InvalidOperationException>(() => module.register_parameter("p", nn.Parameter(zeros(1))));
    }

    [Fact]
    public void ANameWithADotIsRefused()
    {
        using var module = new WithList();

        Assert.Throws<ArgumentException>(() => module.register_module("a.b", nn.Identity()));
        Assert.Throws<ArgumentException>(() => module.register_module("", nn.Identity()));
        Assert.Throws<InvalidOperationException>(() => module.register_module("blocks", nn.Identity()));
    }

    private sealed class Mixed : nn.Module
    {
        public readonly Parameter scale = nn.Parameter(ones(1));
        public readonly Linear inner = nn.Linear(2, 2);
        public readonly Tensor table = zeros(2);
        public readonly Tensor? absent = null;

        public Mixed() : base(nameof(Mixed)) => RegisterComponents();
    }

    private sealed class Adder() : nn.Module<Tensor, Tensor, Tensor>(nameof(Adder))
    {
        public override Tensor forward(Tensor a, Tensor b) => a + b;
    }

    private sealed class WithList : nn.Module
    {
        public readonly ModuleList<Linear> blocks = new(nn.Linear(2, 2, hasBias: false), nn.Linear(2, 2, hasBias: false));

        public WithList() : base(nameof(WithList)) => RegisterComponents();
    }

    private sealed class Tied : nn.Module
    {
        public readonly Embedding wte = nn.Embedding(5, 3);
        public readonly Linear head = nn.Linear(3, 5, hasBias: false);

        public Tied() : base(nameof(Tied))
        {
            head.weight = wte.weight!;
            RegisterComponents();
        }
    }
}
